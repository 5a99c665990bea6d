-- What we last wrote to a record of a connection that sends us events: each field's hash, and the record's time
-- of change in the vendor's answer. So our own change is known when it comes back (guarantee 8).
create table written (
  ws int not null, conn int not null, object text not null, record text not null, fields jsonb not null,
  at timestamptz not null, primary key (ws, conn, object, record))
  with (fillfactor = 80);
