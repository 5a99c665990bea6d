-- Which events were delivered again, how often and when last: so that a person who looks for the second one finds
-- the first (guarantee 2). alike: the same by its content, for a while, and not by an identity of its own.
create table repeated (
  ws int not null, event_id bigint not null, times int not null, last timestamptz not null, alike bool not null,
  primary key (ws, event_id))
  with (fillfactor = 80);
