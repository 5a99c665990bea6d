-- For cursors of the control plane: psycopg's named placeholders. Each statement returns at most one row.

-- name: open_gate
with g as (
  update gate set state = 0, fails = 0, closed_until = null, probed = null, since = null, code = '', params = '{}'
  where conn = %(conn)s
  returning conn),
w as (
  update lane l set due = vv_now() from pending p
  where p.state = 'held' and p.conn = %(conn)s and l.ws = p.ws and l.key = p.lane and l.state = 1)
select conn from g;

-- name: hold_gate
insert into gate (conn, ws, state, code, params, since)
select id, workspace_id, 2, %(code)s, %(params)s::jsonb, vv_now() from connection where id = %(conn)s
on conflict (conn) do update set state = 2, code = excluded.code, params = excluded.params, since = excluded.since
where gate.state <> 2 or gate.code <> 'removed_there'  -- what the vendor itself said says more than a refused call
returning conn;

-- name: answer_decision
update decision set answer = %(answer)s::jsonb, answered = vv_now(), answered_by = %(member)s
where ws = %(ws)s and id = %(decision)s and answer is null returning run_id;

-- name: wake_answered
-- The run that was answered, and those that wait for what it holds.
with k as materialized (
  select l.ws, l.key from pending p join lane l on l.ws = p.ws and l.key = p.lane and l.state = 1
  where p.ws = %(ws)s and (p.run_id = %(run_id)s or p.state = 'claim' and p.params ->> 'run' = %(run_id)s::text)
  order by l.ws, l.key for update of l),
w as (
  update lane l set due = vv_now(), prio = greatest(l.prio, 5::smallint) from k
  where l.ws = k.ws and l.key = k.key
  returning l.key)
select count(*) from w;

-- name: look_again
-- A run that waits for an answer looks at the vendor once more, and asks anew when that does not settle it.
with w as (
  update lane l set due = vv_now(), prio = greatest(l.prio, 5::smallint)
  from decision d join pending p on p.ws = d.ws and p.run_id = d.run_id
  where d.ws = %(ws)s and d.id = %(decision)s and d.answer is null and p.state = 'decision'
    and l.ws = p.ws and l.key = p.lane and l.state = 1
  returning l.key)
select key from w;

-- name: retry_now
-- A run that awaits an event goes on as though its time were over.
with a as (update awaited set until = least(until, vv_now()) where ws = %(ws)s and run_id = %(run_id)s),
w as (
  update lane l set due = vv_now() from pending p
  where p.ws = %(ws)s and p.run_id = %(run_id)s and p.state <> 'decision' and l.ws = p.ws and l.key = p.lane and l.state = 1
  returning l.key)
select key from w;

-- name: lock_lane
-- The lane of a failed run that is to go on, made where it is not: until the commit nothing is taken into it, and no worker
-- begins with it. One that a worker has in hand gets one more place at its end. No row: the run did not fail.
insert into lane as x (ws, key, rule, gate, tail, state, prio, due, recover)
select r.ws, %(lane)s, r.rule, coalesce((select conn from step s where s.ws = r.ws and s.run_id = r.id and s.conn > 0
                                         and exists (select 1 from gate g where g.conn = s.conn) order by n desc limit 1), 0),
       1, 1, 5, vv_now(), true
from run r where r.ws = %(ws)s and r.id = %(run_id)s and r.status = 2 and r.replayed_by is null
on conflict (ws, key) do update set tail = x.tail + (x.state = 2)::int
returning state = 2, tail;

-- name: retry_run
-- The run's row goes, its journal stays: the run goes on after its last durable write. Before all that waits in its lane
-- (which came later), or, where a worker has the lane in hand, behind it. What waits first may have a journal too.
-- In a statement of its own, so that it sees what was taken in before the lane was locked. A ready lane becomes another
-- row: a claim that is under way would have the row of now with the places of before, and never see the new first one.
-- A write that was in doubt when the run failed is in doubt again.
with r as (
  delete from run where ws = %(ws)s and id = %(run_id)s and status = 2 and replayed_by is null
  returning ws, id, event_id, rule, version, replay_of, params),
n as (
  insert into intent (ws, run_id, n, owner, at)
  select ws, id, (params->'doubt'->>'n')::int, 0, (params->'doubt'->>'at')::timestamptz from r where params ? 'doubt'),
f as materialized (select min(seq) as seq from item where ws = %(ws)s and lane = %(lane)s),
h as (
  update item x set begun = true from f, r where not %(owned)s and x.ws = %(ws)s and x.lane = %(lane)s and x.seq = f.seq),
d as (delete from lane where ws = %(ws)s and key = %(lane)s and state = 1 returning *),
l as (
  insert into lane (ws, key, rule, gate, tail, state, prio, due, recover)
  select ws, key, rule, gate, tail, 1, greatest(prio, 5::smallint), vv_now(), true from d),
p as (
  update lane x set prio = greatest(x.prio, 5::smallint), due = vv_now(), recover = true
  where x.ws = %(ws)s and x.key = %(lane)s and x.state = 3),
i as (
  insert into item (ws, lane, seq, run_id, event_id, rule, version, replay_of, begun)
  select r.ws, %(lane)s, case when %(owned)s then %(tail)s else coalesce(f.seq, %(tail)s + 1) - 1 end, r.id, r.event_id, r.rule,
         r.version, r.replay_of, true
  from r, f)
select id from r;

-- name: newer_run
-- A run of the same rule for a newer event of the record that is done, has written something or may have (its write is
-- in doubt), or is in a worker's hand.
select run_id from (
  select r.id as run_id from term s join event e on e.ws = s.ws and e.id = s.event_id
  join run r on r.ws = e.ws and r.event_id = e.id and r.rule = %(rule)s and r.status = 1
  where s.ws = %(ws)s and s.hash = %(hash)s and s.event_id > %(event)s
    and e.conn = %(conn)s and e.object = %(object)s and e.record = %(record)s
  union all
  select i.run_id from item i join lane l on l.ws = i.ws and l.key = i.lane
  where i.ws = %(ws)s and i.lane = %(lane)s and i.event_id > %(event)s and i.replay_of is null
    and (l.state = 2 or exists (
      select 1 from step t where t.ws = i.ws and t.run_id = i.run_id and t.write and t.done)
      or exists (select 1 from intent n where n.ws = i.ws and n.run_id = i.run_id))) x
order by run_id desc limit 1;

-- name: cancel_run
-- Only a run that waits and whose lane nobody owns.
with p as materialized (
  select p.* from pending p join lane l on l.ws = p.ws and l.key = p.lane
  where p.ws = %(ws)s and p.run_id = %(run_id)s and l.state <> 2 for update of l),
dp as (delete from pending x using p where x.ws = p.ws and x.run_id = p.run_id),
di as (delete from intent x using p where x.ws = p.ws and x.run_id = p.run_id),
dc as (delete from claim x using p where x.ws = p.ws and x.run_id = p.run_id),
dd as (update decision x set answer = '{"choice": "stopped"}', answered = vv_now() from p
       where x.ws = p.ws and x.run_id = p.run_id and x.answer is null),
it as (
  delete from item x using p where x.ws = p.ws and x.lane = p.lane and x.run_id = p.run_id returning x.replay_of),
l as (update lane x set due = vv_now(), recover = false from p where x.ws = p.ws and x.key = p.lane),
r as (
  insert into run (ws, id, event_id, rule, version, status, code, params, records, calls, tries, finished, replay_of)
  select ws, run_id, event_id, rule, version, 4, 'stopped_by_person', params, '[]', 0, tries, vv_now(),
         (select replay_of from it) from p)
select run_id from p;

-- name: lock_waiting
-- The lanes of runs that wait at a step, locked until the commit: no worker takes them up meanwhile.
with k as materialized (
  select l.key from pending p join lane l on l.ws = p.ws and l.key = p.lane and l.state <> 2
  where p.ws = %(ws)s and p.rule = %(rule)s and p.version = %(before)s and p.state = 'wait' and p.params ->> 'step' = %(step)s::text
    and (%(run)s::bigint is null or p.run_id = %(run)s)
  order by l.ws, l.key for update of l)
select array_agg(key) from k;

-- name: cross
-- They go on in another version behind that step, and their journal says so. A ready lane becomes another one: a claim
-- that is under way reads its run anew. One that was worked until its lane was locked is seen here as it is after that.
with k as materialized (
  select p.ws, p.run_id, p.lane, (
    select count(*) from step s where s.ws = p.ws and s.run_id = p.run_id and s.name = 'crossed' and s.method = '') as times
  from unnest(%(lanes)s::bigint[]) x(key) join lane l on l.ws = %(ws)s and l.key = x.key and l.state <> 2
  join pending p on p.ws = l.ws and p.lane = l.key
  join item i on i.ws = p.ws and i.lane = p.lane and i.run_id = p.run_id and i.version = %(before)s
  where p.rule = %(rule)s and p.state = 'wait' and p.params ->> 'step' = %(step)s::text
    and (%(run)s::bigint is null or p.run_id = %(run)s)),
m as (select * from k where times < 1000),
l as (update lane x set gate = %(gate)s, recover = true from m where x.ws = m.ws and x.key = m.lane),
i as (update item x set version = %(version)s from m where x.ws = m.ws and x.lane = m.lane and x.run_id = m.run_id),
p as (update pending x set version = %(version)s from m where x.ws = m.ws and x.run_id = m.run_id),
s as (
  insert into step (ws, run_id, n, try, step, name, conn, write, done, known, method, url, status, request, response, code, ms, at)
  select ws, run_id, (times + 1) * %(shift)s, 1, %(step)s::text, 'crossed', 0, false, true, null, '', '', 0, null,
         convert_to(%(told)s::text, 'UTF8'), '', 0, vv_now() from m)
select count(*) from m;

-- name: pause_rule
-- Locked in the order in which ingest locks them. A lane that is busy now is given up by its worker, which asks.
with k as materialized (
  select ws, key from lane where rule = %(rule)s and state = 1 order by ws, key for update skip locked),
l as (update lane x set state = 3 from k where x.ws = k.ws and x.key = k.key returning x.key)
select count(*) from l;

-- name: resume_rule
-- In the transaction that changed the rule's row: a worker that finds it paused in this moment waits for that.
with k as materialized (
  select ws, key from lane where rule = %(rule)s and state = 3 order by ws, key for update),
l as (update lane x set state = 1 from k where x.ws = k.ws and x.key = k.key returning x.key)
select count(*) from l;

-- name: let_rule_go_on
update rule_hour set let_go = runs where rule = %(rule)s and hour = date_trunc('hour', vv_now()) returning rule;

-- name: leave_connection
-- Of a removed connection: what waits for it is due now, also what a paused rule holds back, so that a worker ends it
-- and says why. A wait step's run is told when its time comes. Questions about the connection are over.
with k as materialized (
  select l.ws, l.key from lane l
  where l.ws = %(ws)s and l.state in (1, 3) and exists (
      select 1 from item i join rule_version v on v.rule_id = i.rule and v.number = i.version
      cross join jsonb_array_elements(v.compiled -> 'connections') c
      where i.ws = l.ws and i.lane = l.key and (c ->> 1)::int = %(conn)s)
    and not exists (select 1 from pending p where p.ws = l.ws and p.lane = l.key and p.state = 'wait')
  order by l.ws, l.key for update of l),
dd as (update decision set answer = '{"choice": "stopped"}', answered = vv_now()
       where ws = %(ws)s and conn = %(conn)s and answer is null),
l as (update lane x set state = 1, due = vv_now() from k where x.ws = k.ws and x.key = k.key returning x.key)
select count(*) from l;

-- name: drop_rule_work
-- Of a removed rule: every lane that nobody owns, with what waits in it. The lanes stay for what arrives in this
-- moment; a worker stops that and lets them go.
with l as materialized (
  select ws, key from lane where rule = %(rule)s and state <> 2 order by ws, key for update skip locked),
it as (
  delete from item x using l where x.ws = l.ws and x.lane = l.key returning x.ws, x.run_id, x.event_id, x.rule, x.version,
                                                                         x.replay_of),
dp as (delete from pending x using it where x.ws = it.ws and x.run_id = it.run_id),
di as (delete from intent x using it where x.ws = it.ws and x.run_id = it.run_id),
dc as (delete from claim x using it where x.ws = it.ws and x.run_id = it.run_id),
dd as (update decision x set answer = '{"choice": "stopped"}', answered = vv_now() from it
       where x.ws = it.ws and x.run_id = it.run_id and x.answer is null),
ll as (update lane x set state = 1, due = vv_now(), recover = false from l where x.ws = l.ws and x.key = l.key),
r as (
  insert into run (ws, id, event_id, rule, version, status, code, params, records, calls, tries, finished, replay_of)
  select it.ws, it.run_id, it.event_id, it.rule, it.version, 4, 'rule_was_removed', '{}', '[]', 0, 0, vv_now(),
         it.replay_of from it
  returning id)
select count(*) from r;

-- name: retake_rejected
-- Not one that is not authentic: its sender was nobody we know, and stays so.
select id from rejected where ws = %(ws)s and id = %(rejected)s and state = 0 and status <> 401;

-- name: retake_all
with q as (
  insert into pgqueuer (priority, entrypoint, payload, execute_after, status, created, updated, heartbeat)
  select 0, 'retake_rejected', convert_to(json_build_object('ws', ws, 'id', id)::text, 'UTF8'), now(), 'queued', now(),
         now(), now()
  from rejected where ws = %(ws)s and state = 0 and status <> 401 order by id
  returning id)
select count(*) from q;

-- name: dismiss_rejected
update rejected set state = 2 where ws = %(ws)s and id = %(rejected)s and state = 0 returning id;

-- name: wake_chore
insert into pgqueuer (priority, entrypoint, payload, execute_after, status, created, updated, heartbeat)
values (0, %(name)s, %(payload)s, now(), 'queued', now(), now(), now()) returning id;

-- name: start_replay
update replay set state = 2, started = vv_now(), again = %(again)s::text[], older = %(older)s
where ws = %(ws)s and id = %(replay)s and state = 1 returning id;

-- name: stop_replay
update replay set state = case state when 2 then 4 else 5 end, ended = case state when 2 then null else vv_now() end
where ws = %(ws)s and id = %(replay)s and state in (0, 1, 2) returning id;

-- name: keep_found_links
with made as (
  insert into linked (ws, conn, object, record, of_conn, of_object, of_record, at)
  select distinct %(ws)s::int, (l->>0)::int, l->>1, l->>2, (l->>3)::int, l->>4, l->>5, vv_now()
  from move_found f cross join jsonb_array_elements(f.links) l where f.move_id = %(move)s
  on conflict do nothing returning conn, object, record, of_conn, of_object, of_record)
select coalesce(jsonb_agg(jsonb_build_array(conn, object, record, of_conn, of_object, of_record)), '[]')::text from made;

-- name: keep_found_keys
with made as (
  insert into link (ws, conn, object, key, record_id, run_id, at)
  select distinct on (2, 3, 4) %(ws)s::int, (k->>0)::int, k->>1, k->>2, k->>3, 0, vv_now()
  from move_found f cross join jsonb_array_elements(f.keys) k where f.move_id = %(move)s
  on conflict do nothing returning conn, object, key, record_id)
select coalesce(jsonb_agg(jsonb_build_array(conn, object, key, record_id)), '[]')::text from made;

-- name: drop_links
with gone as (
  delete from linked using jsonb_array_elements(%(links)s::jsonb) l
  where ws = %(ws)s and conn = (l->>0)::int and object = l->>1 and record = l->>2 and of_conn = (l->>3)::int
    and of_object = l->>4 and of_record = l->>5 returning 1)
select count(*) from gone;

-- name: drop_keys
-- Only what the move kept: a run that remembered another record since is right.
with gone as (
  delete from link using jsonb_array_elements(%(keys)s::jsonb) k
  where ws = %(ws)s and conn = (k->>0)::int and object = k->>1 and key = k->>2 and record_id = k->>3 and run_id = 0
  returning 1)
select count(*) from gone;
