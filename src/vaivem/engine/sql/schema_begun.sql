-- A run of a lane that may have a journal though others are before it: one that is retried goes before what waits,
-- and what waited there may have begun.
alter table item add begun bool not null default false;
