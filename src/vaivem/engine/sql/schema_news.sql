-- What the outcomes of rules' steps say of records, until it is noted for the Records pages (engine/noticing.py). A row
-- for each time that a run ended or went to wait; records: JSON, a list of {conn, object, id, wrote, at, data}.
create table news (
  ws int not null, id bigint generated always as identity, run_id bigint not null, event_id bigint not null,
  records text not null, primary key (ws, id))
  with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- When a rule last wrote to a record, and in which run. told is the newest news of it, from whomever; event_id 0: no
-- event told of it.
alter table known_record add wrote timestamptz, add run_id bigint not null default 0;
