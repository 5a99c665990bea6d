-- Who is in which automation, and by which run. It holds while that run has an item; what is left over is taken over.
create table inside (
  ws int not null, rule int not null, person text not null, run_id bigint not null, since timestamptz not null,
  primary key (ws, rule, person));
