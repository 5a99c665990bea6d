-- Backfills. See "Backfills" in docs/engine.md.

-- name: begin
-- Whether this connection may look after backfills: one does at a time, until it says so or is gone.
select pg_try_advisory_lock(8225);

-- name: end
select pg_advisory_unlock(8225);

-- name: next
-- The open backfill that was looked after longest ago; after a failure not before its pause is over.
select ws, id, rule, state, since, until, at, steps, counts::text, sample::text from backfill
where state in (0, 2) and touched <= vv_now()
order by touched limit 1;

-- name: note
-- How far it has come. A state that a person changed meanwhile stays.
-- $1 ws, $2 id, $3 state, $4 how far, $5 counts, $6 sample, $7 code, $8 params, $9 the state when the day began, $10 seconds of pause
update backfill set state = case when state = $9 then $3 else state end, at = $4, counts = $5::jsonb, sample = $6::jsonb, code = $7, params = $8::jsonb,
  touched = vv_now() + make_interval(secs => $10) where ws = $1 and id = $2;

-- name: waiting
-- How many runs of bulk a rule has in its lanes. $1 ws, $2 rule
select count(*) from item i join event e on e.ws = i.ws and e.id = i.event_id
where i.ws = $1 and i.rule = $2 and e.bulk;

-- name: moves
-- Whether runs of bulk of a rule are in lanes where nothing waits for anything. $1 ws, $2 rule
select exists (
  select 1 from item i join event e on e.ws = i.ws and e.id = i.event_id
  where i.ws = $1 and i.rule = $2 and e.bulk and not exists (select from pending p where p.ws = i.ws and p.lane = i.lane));

-- name: earlier
-- Other backfills of a rule. $1 ws, $2 rule, $3 backfill
select id from backfill where ws = $1 and rule = $2 and id <> $3;

-- name: known
-- What became of an event that a rule has had before: the last run of each chain of repeats. $1 ws, $2 rule, $3 connection,
-- $4 the key that starts the rule once, $5 the keys by which earlier backfills of the rule took the event.
-- kept: its journal is there, and will be for a day.
with recursive f as (
  select event_id as id from seen where ws = $1 and conn = -$2::int and key = $4
  union
  select r.id from seen s join run r on r.ws = s.ws and r.event_id = s.event_id and r.rule = $2
  where s.ws = $1 and s.conn = $3 and s.key = any($5::bytea[])
  union
  select i.run_id from seen s join item i on i.event_id = s.event_id and i.ws = s.ws and i.rule = $2
  where s.ws = $1 and s.conn = $3 and s.key = any($5::bytea[])),
c as (
  select id from f
  union select r.replayed_by from c join run r on r.ws = $1 and r.id = c.id where r.replayed_by is not null)
select c.id, r.status, r.version, r.params -> 'notes' as notes, i.lane is not null as open,
       to_timestamp((c.id >> 22) / 1000.0) > vv_now() - make_interval(days => w.retention_days - 1) as kept,
       e.bulk, e.headers
from c join workspace w on w.id = $1 left join run r on r.ws = $1 and r.id = c.id left join item i on i.ws = $1 and i.run_id = c.id
left join event e on e.ws = $1 and e.id = coalesce(r.event_id, i.event_id)
where r.replayed_by is null order by c.id;

-- name: reopen
-- A run that is done goes on: to the end of its lane, which is locked, with a mark that lets it do more; its journal stays,
-- and says up to where it had come. $1 ws, $2 run, $3 lane, $4 the headers of its event as they were, $5 as they are now.
-- The lane's tail makes it another row: a claim that is under way reads its items anew.
with r as (
  delete from run where ws = $1 and id = $2 and status = 1 and replayed_by is null
    and exists (select from event e where e.ws = $1 and e.id = run.event_id and e.headers = $4)
  returning ws, id, event_id, rule, version, replay_of),
e as (update event set headers = $5 from r where event.ws = r.ws and event.id = r.event_id),
s as (
  insert into step (ws, run_id, n, try, step, name, conn, write, done, known, method, url, status, request, response, code, ms, at)
  select r.ws, r.id, least(-1, t.least - 1), 1, '', 'reopened', 0, false, true, null, '', '', 0, null,
         convert_to(coalesce(t.tried, '{}')::text, 'UTF8'), '', 0, vv_now()
  from r cross join lateral (
    select min(n) as least, jsonb_object_agg(n, most) as tried
    from (select n, max(try) as most from step where ws = r.ws and run_id = r.id group by n) x) t),
l as (update lane x set tail = x.tail + 1 from r where x.ws = r.ws and x.key = $3 returning x.tail)
insert into item (ws, lane, seq, run_id, event_id, rule, version, replay_of, begun)
select r.ws, $3, l.tail, r.id, r.event_id, r.rule, r.version, r.replay_of, true from r, l
returning run_id;
