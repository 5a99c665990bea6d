-- name: next
-- The open replay that was looked after longest ago. Its lock keeps other workers off; a crash lets it go.
select ws, id, state, again, older from replay
where state in (0, 2, 4) order by touched limit 1 for update skip locked;

-- name: touch
update replay set touched = vv_now() where ws = $1 and id = $2;

-- name: unexamined
-- Runs of a replay in a state ($3), oldest first, after a run ($5): with the events that they are about. $4 how many
select q.run_id, q.event_id, q.rule, q.version, e.id is not null as kept, e.conn, e.object, e.record, e.part, e.method,
       e.path, e.query, e.headers, e.body, r.replayed_by, r.id is not null as there
from (select * from replay_run where ws = $1 and replay = $2 and state = any($3::smallint[]) and run_id > $5
      order by run_id limit $4) q
left join event e on e.ws = q.ws and e.id = q.event_id
left join run r on r.ws = q.ws and r.id = q.run_id
order by q.run_id;

-- name: reads
-- What runs read before their first step. $1 ws, $2 runs
select run_id, name, status, response from step
where ws = $1 and run_id = any($2::bigint[]) and n between 0 and 999 and done order by run_id, n, try;

-- name: overtaken
-- Which of these runs are about a record that has had a newer event since, done or on its way with the same rule.
-- $1 ws; $2 runs, $3 their events, $4 rules, $5 connections, $6 objects, $7 records, $8 hashes of the record, $9 lanes
select t.run_id
from unnest($2::bigint[], $3::bigint[], $4::int[], $5::int[], $6::text[], $7::text[], $8::bigint[], $9::bigint[])
     as t(run_id, event_id, rule, conn, object, record, hash, lane)
where exists (
    select 1 from term s join event e on e.ws = s.ws and e.id = s.event_id
    join run r on r.ws = e.ws and r.event_id = e.id and r.rule = t.rule and r.status = 1
    where s.ws = $1 and s.hash = t.hash and s.event_id > t.event_id
      and e.conn = t.conn and e.object = t.object and e.record = t.record)
  or exists (select 1 from item i where i.ws = $1 and i.lane = t.lane and i.event_id > t.event_id and i.replay_of is null);

-- name: note
-- What was found out of runs. $1 ws, $2 replay; $3 runs, $4 states, $5 codes, $6 params, $7 versions
update replay_run q set state = t.state, code = t.code, params = t.params::jsonb, version = t.version
from unnest($3::bigint[], $4::smallint[], $5::text[], $6::text[], $7::int[]) as t(run_id, state, code, params, version)
where q.ws = $1 and q.replay = $2 and q.run_id = t.run_id;

-- name: move
-- $1 ws, $2 replay, $3 state before, $4 state after
update replay set state = $4::smallint, ended = case when $4::smallint in (3, 5) then vv_now() end
where ws = $1 and id = $2 and state = $3::smallint;

-- name: under_way
select count(*) from replay_run where ws = $1 and replay = $2 and state = 6;

-- name: settle
-- Runs in their lanes that have ended meanwhile. $1 ws, $2 replay
update replay_run q set state = case r.status when 1 then 7 when 2 then 8 else 9 end, code = r.code
from run r
where q.ws = $1 and q.replay = $2 and q.state = 6 and r.ws = q.ws and r.id = q.new_id;

-- name: lock_lanes
-- The lanes of these runs, made where they are not: nothing is taken in behind our back until the commit.
-- $1 ws; $2 lanes, $3 rules, $4 gates
insert into lane as x (ws, key, rule, gate, tail, state, prio, due)
select $1, lane, min(rule), min(gate), 0, 1, 0, (select vv_now())
from unnest($2::bigint[], $3::int[], $4::int[]) as t(lane, rule, gate) group by lane order by lane
on conflict (ws, key) do update set tail = x.tail;

-- name: enqueue
-- New runs at the end of their lanes, oldest first; of a run that was repeated or retried meanwhile there is none.
-- $1 ws, $2 replay; $3 runs, $4 events, $5 lanes, $6 new runs, $7 rules, $8 versions
with t as materialized (
  select * from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[], $8::int[])
         as t(run_id, event_id, lane, new_id, rule, version)),
o as (
  update run r set replayed_by = t.new_id from t
  where r.ws = $1 and r.id = t.run_id and r.replayed_by is null returning r.id),
g as materialized (select t.* from t join o on o.id = t.run_id),
l as (
  update lane x set tail = x.tail + n.more from (select lane, count(*) as more from g group by lane) n
  where x.ws = $1 and x.key = n.lane returning x.key, x.tail),
i as (
  insert into item (ws, lane, seq, run_id, event_id, rule, version, replay_of)
  select $1, g.lane, l.tail - count(*) over (partition by g.lane) + row_number() over (partition by g.lane order by g.run_id),
         g.new_id, g.event_id, g.rule, g.version, g.run_id
  from g join l on l.key = g.lane)
update replay_run q set state = case when g.new_id is null then 10 else 6 end, new_id = g.new_id, version = t.version,
  code = case when g.new_id is null then 'run_was_repeated' else '' end
from t left join g using (run_id)
where q.ws = $1 and q.replay = $2 and q.run_id = t.run_id;

-- name: withdraw
-- Of a replay that is being stopped: what has not begun leaves its lane again. $1 ws, $2 replay
with q as materialized (
  select i.lane, i.seq, r.run_id, r.new_id
  from replay_run r join item i on i.ws = r.ws and i.run_id = r.new_id join lane l on l.ws = i.ws and l.key = i.lane
  where r.ws = $1 and r.replay = $2 and r.state = 6 and l.state <> 2
    and not exists (select 1 from pending p where p.ws = r.ws and p.run_id = r.new_id)
    and not exists (select 1 from step s where s.ws = r.ws and s.run_id = r.new_id)
    and not exists (select 1 from intent n where n.ws = r.ws and n.run_id = r.new_id)
  order by l.ws, l.key for update of l skip locked),
d as (delete from item i using q where i.ws = $1 and i.lane = q.lane and i.seq = q.seq returning i.run_id),
o as (update run r set replayed_by = null from q where r.ws = $1 and r.id = q.run_id and r.replayed_by = q.new_id)
update replay_run r set state = 10, new_id = null, code = 'replay_was_stopped' from q
where r.ws = $1 and r.replay = $2 and r.run_id = q.run_id;

-- name: leave_out
-- What a stopped replay has not come to. $1 ws, $2 replay
update replay_run set state = 10, code = 'replay_was_stopped' where ws = $1 and replay = $2 and state in (0, 1);

-- name: former
-- The run that is repeated, those that it repeated, and what was asked. $1 ws, $2 run repeated, $3 the new run
with recursive chain as (
  select id, replay_of, records, 1 as depth from run where ws = $1 and id = $2
  union all
  select r.id, r.replay_of, r.records, c.depth + 1 from chain c join run r on r.ws = $1 and r.id = c.replay_of
  where c.depth < 50)
select id, records::text as records,
  (select p.again from replay_run q join replay p on p.ws = q.ws and p.id = q.replay where q.ws = $1 and q.new_id = $3) as again
from chain order by depth;

-- name: former_writes
-- $1 ws, $2 runs
select run_id, step, name, known, status, response, code, at from step
where ws = $1 and run_id = any($2::bigint[]) and write and done order by run_id desc, n, try;
