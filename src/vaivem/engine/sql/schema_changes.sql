-- What rules that wait for a change of a field know of it.

-- The value that a record's field had when a rule last saw it. key: of the record, and of whose value it is.
-- value: canonical, '' for nothing.
create table kept_value (
  ws int not null, rule int not null, key bigint not null, value text not null, told timestamptz,
  seen timestamptz not null, primary key (ws, rule, key));

-- What a run was told when it began, so that it goes on in the same way. run_id: the first of those that repeat it.
create table told_change (
  ws int not null, run_id bigint not null, code text not null, before text, after text not null,
  primary key (ws, run_id));
