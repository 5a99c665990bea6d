-- Runs that wait for something to happen. hashes: what its event is found by (`term`). after: what came by then, in ids
-- of events, counts no more. refused: later ones that were looked at and are not it. until: the time-out. lane: its own.
create table awaited (
  ws int not null, run_id bigint not null, step text not null, lane bigint not null, conn int not null,
  kinds text[] not null, hashes bigint[] not null, after bigint not null, refused bigint[] not null default '{}',
  since timestamptz not null, until timestamptz not null, primary key (ws, run_id));
