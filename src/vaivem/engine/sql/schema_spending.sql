-- What calls cost of a vendor's budget of a day, by connection and ten minutes: what is used, and how fast.
create table spending (
  conn int not null, at timestamptz not null, cost bigint not null, calls int not null, primary key (conn, at))
  with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
