-- The run that made a document; 0: none of ours.
alter table document add run_id bigint not null default 0;
