-- When a rule last read something new of a record, and in which run: as `wrote` and `run_id` are for what it wrote.
alter table known_record add read timestamptz, add read_run_id bigint not null default 0;
