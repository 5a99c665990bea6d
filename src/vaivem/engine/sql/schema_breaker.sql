-- How many runs of a rule changed something in an hour: what is usual for it. let_go: of these, those that a person let
-- pass. See "The breaker" in docs/engine.md.
create table rule_hour (
  rule int not null, hour timestamptz not null, ws int not null, runs int not null, let_go int not null default 0,
  primary key (rule, hour))
  with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
