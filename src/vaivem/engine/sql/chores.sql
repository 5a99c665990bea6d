-- name: fact
select value::text from fact where name = $1;

-- name: suspect_lists
-- Have a connection's lists read soon, unless they were suspected lately. $1 fact, $2 connection, $3 minutes between
with due as (
  insert into fact (name, value, at) values ($1, '{}', vv_now())
  on conflict (name) do update set at = excluded.at
  where fact.at < vv_now() - make_interval(mins => $3::int) returning 1)
insert into pgqueuer (priority, entrypoint, payload, execute_after, status, created, updated, heartbeat)
select 0, 'refresh_catalog', convert_to(json_build_object('connection', $2::int)::text, 'UTF8'), now(), 'queued',
  now(), now(), now() from due;

-- name: note_fact
insert into fact (name, value, at) values ($1, $2::jsonb, vv_now())
on conflict (name) do update set value = excluded.value, at = excluded.at;

-- name: absence_lock
select pg_advisory_xact_lock(8223, 1);

-- name: note_owed
-- Looks back that are owed; one owed since before reaches back as far as it did. $1 names, $2 value
insert into fact (name, value, at) select name, $2::jsonb, vv_now() from unnest($1::text[]) as t(name)
on conflict (name) do update set at = excluded.at, value = case
  when fact.value->>'state' = 'owed' then excluded.value || jsonb_build_object('since', fact.value->'since')
  else excluded.value end;

-- name: owed
select name, value::text from fact where name like 'catch\_up/%' and value->>'state' = 'owed' order by name;

-- name: rejected
select * from rejected where ws = $1 and id = $2 and state = 0 and status <> 401;

-- name: retaken
update rejected set state = 1 where ws = $1 and id = $2;

-- name: still_rejected
update rejected set code = $3, params = $4::jsonb where ws = $1 and id = $2;

-- name: told_already
-- Whether an event of this kind, record and title is kept that occurred about then.
-- $1 workspace, $2 hashes of the record, $3 lowest id, $4 connection, $5 kind, $6 record, $7 title, $8 from, $9 to
select exists (
  select 1 from term t join event e on e.ws = t.ws and e.id = t.event_id
  where t.ws = $1 and t.hash = any($2::bigint[]) and t.event_id >= $3 and e.conn = $4 and e.kind = $5
    and e.record = $6 and e.title = $7 and e.occurred between $8 and $9);

-- name: make_partitions
select vv_make_partitions(vv_now() - interval '8 days', vv_now() + interval '22 days');

-- name: old_weeks
-- Weeks before the oldest that is made anew, in which no unfinished run has its place, with their partitions.
select substring(c.relname from '_w([0-9]+)$')::bigint as week, array_agg(c.relname::text order by c.relname) as names
from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
where p.relname in ('event', 'run', 'step', 'term') and c.relname ~ '_w[0-9]+$'
group by 1
having (substring(c.relname from '_w([0-9]+)$')::bigint + 1) * 604800 < extract(epoch from vv_now() - interval '15 days')
  and ((substring(c.relname from '_w([0-9]+)$')::bigint + 1) * 604800000) << 22
      <= coalesce((select min(least(run_id, event_id, replay_of)) from item), 9223372036854775807)
order by 1;

-- name: workspaces
select id, retention_days from workspace;

-- Walked in the order of their ids: where the next ones end, then all up to there. A list of keys in their place would
-- be looked for in every week: seconds for each batch, with millions of rows.
-- next_old_...: $1 workspace, $2 lowest id that is kept, $3 id behind which to go on, $4 how many
-- thin_...: $1 workspace, $2 id behind which, $3 up to which

-- name: next_old_steps
select max(run_id) from (
  select run_id from step where ws = $1 and run_id < $2 and run_id > $3 order by run_id limit $4) s;

-- name: thin_steps
delete from step s where ws = $1 and run_id > $2 and run_id <= $3
  and not exists (select 1 from item i where i.ws = s.ws and i.run_id = s.run_id)
  and not exists (select 1 from item i where i.ws = s.ws and i.replay_of = s.run_id);

-- name: next_old_runs
select max(id) from (select id from run where ws = $1 and id < $2 and id > $3 order by id limit $4) r;

-- name: thin_runs
-- Not those that are being repeated.
delete from run r where ws = $1 and id > $2 and id <= $3
  and not exists (select 1 from item i where i.ws = r.ws and i.replay_of = r.id);

-- name: next_old_events
select max(id) from (select id from event where ws = $1 and id < $2 and id > $3 order by id limit $4) e;

-- name: thin_events
-- Not the events of runs that have not ended.
delete from event e where ws = $1 and id > $2 and id <= $3
  and not exists (select 1 from item i where i.event_id = e.id);

-- name: next_old_heard
select max(event_id) from (
  select event_id from heard where ws = $1 and event_id < $2 and event_id > $3 order by event_id limit $4) h;

-- name: thin_heard
-- Which events told of which records.
delete from heard where ws = $1 and event_id > $2 and event_id <= $3;

-- name: thin_replay_runs
delete from replay_run where (ws, replay, run_id) in (
  select ws, replay, run_id from replay_run q where ws = $1 and run_id < $2
    and not exists (select 1 from replay p where p.ws = q.ws and p.id = q.replay and p.state in (2, 4)) limit $3);

-- name: thin_replays
delete from replay where (ws, id) in (
  select ws, id from replay p where ws = $1 and state not in (2, 4) and made < to_timestamp(($2::bigint >> 22) / 1000.0)
    and not exists (select 1 from replay_run q where q.ws = p.ws and q.replay = p.id) limit $3);

-- name: next_old_terms
-- Where the next of a workspace's old words end, in the order of their index, so that none is read in vain twice.
-- $1 workspace, $2 lowest id that is kept, $3 how many, $4 and $5 hash and event behind which to go on
select hash, event_id from (
  select hash, event_id from term where ws = $1 and event_id < $2 and (hash, event_id) > ($4::bigint, $5::bigint)
  order by hash, event_id limit $3) t
order by hash desc, event_id desc limit 1;

-- name: thin_terms
-- $1 workspace, $2 lowest id that is kept, $3 and $4 hash and event behind which, $5 and $6 up to which
delete from term t where ws = $1 and event_id < $2
  and (hash, event_id) > ($3::bigint, $4::bigint) and (hash, event_id) <= ($5::bigint, $6::bigint)
  and not exists (select 1 from item i where i.event_id = t.event_id);

-- name: thin_decisions
-- What was asked and answered in runs that have ended.
delete from decision where (ws, id) in (
  select ws, id from decision d where ws = $1 and run_id < $2
    and not exists (select 1 from item i where i.ws = d.ws and i.run_id = d.run_id) limit $3);

-- name: thin_repeated
delete from repeated where (ws, event_id) in (
  select ws, event_id from repeated where ws = $1 and event_id < $2 limit $3);

-- name: thin_rejected
delete from rejected where (ws, id) in (select ws, id from rejected where ws = $1 and id < $2 limit $3);

-- name: seen_pages
select pg_relation_size('seen') / current_setting('block_size')::int;

-- name: forget_seen
-- What need not be remembered of some pages of the table: no index is kept for this, no page is read twice, and a
-- delivery that comes again waits for no more than these. $1 first page, $2 the page behind the last,
-- $3 lowest event that is remembered for good
delete from seen where ctid >= $1::tid and ctid < $2::tid
  and (until < (select vv_now()) or until is null and event_id < $3);

-- name: prune_chore_log
delete from pgqueuer_log where created < now() - interval '3 days';

-- name: prune_links
-- Links of connections that are gone for long.
delete from link where conn in (select id from connection where removed < (select vv_now()) - interval '30 days');

-- name: prune_call_windows
delete from call_window where at[cardinality(at)] < (select vv_now()) - interval '2 days';

-- name: end_questions
-- Questions about a connection that was removed in the very moment in which they were asked.
update decision set answer = '{"choice": "stopped"}', answered = vv_now()
where answer is null and conn in (select id from connection where removed is not null);

-- name: wake_answered
-- Runs whose question was answered in the very moment in which they parked.
update lane l set due = vv_now() from pending p
where p.state = 'decision' and l.ws = p.ws and l.key = p.lane and l.state = 1 and l.due > vv_now()
  and not exists (select 1 from decision d where d.ws = p.ws and d.run_id = p.run_id and d.answer is null);
