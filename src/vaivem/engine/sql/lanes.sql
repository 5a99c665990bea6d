-- name: claim
-- $1 worker, $2 free slots, $3 most lanes of a gate at first (of bulk half of them), $4 gates with lanes under way and how many
-- more each may have: $5 in all, $6 of bulk; $7 turns the order of gates.
-- A paused gate whose time has come lets one lane through, as a probe; the next one only when that one has not told in
-- ten seconds whether the vendor is up. While the budget of the day is spent one live lane is let through now and then.
-- What is locked is the lane as it is now, what else is read is as it was when the statement began. A lane that was another
-- then (it was worked and given back in between) is `changed`: its items are out of date, and its worker reads them anew.
with me as materialized (select id from worker where id = $1 for key share),
p as materialized (
  select conn from gate
  where state = 1 and closed_until <= (select vv_now()) and (probed is null or probed <= (select vv_now()))
  for update skip locked),
g as materialized (
  select conn, room, bulk from (
    select gate.conn, coalesce(r.room, $3::int) as room, coalesce(r.bulk, $3::int / 2) as bulk
    from gate left join unnest($4::int[], $5::int[], $6::int[]) as r (conn, room, bulk) on r.conn = gate.conn
    where gate.state = 0 or (gate.state in (3, 4) and gate.closed_until <= (select vv_now()))
    union all select conn, 1, 1 from p
    union all select conn, 1, 0 from gate
    where state = 4 and closed_until > (select vv_now()) and (probed is null or probed <= (select vv_now()))) x
  where room > 0
  order by (conn + $7::int) % 997),
c as materialized (
  select l.* from g cross join lateral (
    select * from (
      select * from (
        select ws, key, recover, xmin as version from lane
        where gate = g.conn and state = 1 and prio > 0 and due <= (select vv_now())
        order by prio desc, due limit g.room for update skip locked) live
      union all
      select * from (
        select ws, key, recover, xmin as version from lane
        where gate = g.conn and state = 1 and prio = 0 and due <= (select vv_now())
        order by due limit g.bulk for update skip locked) bulk) either
    limit g.room) l
  limit $2),
-- Looked up by conditions, not by a join: a plan kept from when nothing waited would read all that does.
u as (
  update lane l set state = 2, owner = $1, recover = false
  where l.ws = any(array(select ws from c)) and l.key = any(array(select key from c)) and (select id from me) = $1
    and exists (select from c where c.ws = l.ws and c.key = l.key)
  returning l.ws, l.key, l.gate, l.prio, l.tail, (select c.recover from c where c.ws = l.ws and c.key = l.key) as recover,
            (select o.xmin from lane o where o.ws = l.ws and o.key = l.key)
              is distinct from (select c.version from c where c.ws = l.ws and c.key = l.key) as changed),
q as (
  update gate set probed = vv_now() + interval '10 seconds' from p
  where gate.conn = p.conn and exists (select 1 from u where u.gate = p.conn))
select u.ws, u.key, u.gate, u.prio, u.tail, u.recover, u.changed, i.seq, i.run_id, i.event_id, i.rule, i.version, i.replay_of,
       i.begun, e.conn, e.part, e.bulk, e.title, e.method, e.path, e.query, e.headers, e.body
from u left join lateral (
  select * from item i where i.ws = u.ws and i.lane = u.key order by seq limit 20) i on not u.changed
left join lateral (
  select * from event where ws = i.ws and id = i.event_id limit 1) e on true
order by u.key, i.seq;

-- name: more
-- Further items of lanes that this worker owns, after a place. $1 worker, $2 workspace, $3 lane, $4 after
select i.seq, i.run_id, i.event_id, i.rule, i.version, i.replay_of, i.begun, e.conn, e.part, e.bulk, e.title, e.method, e.path, e.query,
       e.headers, e.body
from lane l join item i on i.ws = l.ws and i.lane = l.key and i.seq > $4
left join lateral (select * from event where ws = i.ws and id = i.event_id limit 1) e on true
where l.ws = $2 and l.key = $3 and l.owner = $1
order by i.seq limit 20;

-- name: let_go
-- A lane without items left. $1 worker, $2 ws, $3 lane, $4 its tail as last seen: more work makes it another.
with me as materialized (select id from worker where id = $1 for key share),
lk as materialized (
  select l.ws, l.key from me, lane l where l.ws = $2 and l.key = $3 and l.tail = $4 and l.owner = $1 for update of l skip locked)
delete from lane l using lk where l.ws = lk.ws and l.key = lk.key returning l.key;

-- name: tail
select tail from lane where ws = $2 and key = $3 and owner = $1;

-- name: take_test
-- The first event after a test began is the test's: its run goes by the draft. $1 ws, $2 rule, $3 run, $4 its event's time
with t as (
  update rule_trial set state = 'running', run = $3
  where rule_id = $2 and kind = 'test'
    and (run = $3 or (state = 'waiting' and since <= $4 and until > vv_now()))
  returning version),
i as (update item set version = t.version from t where ws = $1 and run_id = $3)
select version, pg_notify('vv_config', 'rule_trial') from t;

-- name: rule_state
-- What a rule is in this moment; of a paused one the lane waits. The lock on the rule's row makes this come before
-- a resume or after it, never in between: that lane would wait for ever. What can only fail, because a connection of
-- its version was removed, does not wait: 'gone'. $1 worker, $2 ws, $3 lane, $4 rule, $5 the run's version
with r as materialized (select state from rule where id = $4 for share),
g as materialized (
  select exists (
    select 1 from rule_version v cross join jsonb_array_elements(v.compiled -> 'connections') c
    join connection n on n.id = (c ->> 1)::int
    where v.rule_id = $4 and v.number = $5 and n.removed is not null) as gone),
l as (
  update lane set state = 3, owner = null, recover = true from r, g
  where r.state = 'paused' and not g.gone and ws = $2 and key = $3 and owner = $1)
select case when r.state = 'paused' and g.gone then 'gone' else r.state end from r, g;

-- name: overtaken
-- Whether a later event of a record is kept already. $1 ws, $2 hash of the record, $3 lowest id, $4 connection, $5 object,
-- $6 record, $7 when this one occurred
select exists (
  select 1 from term t join event e on e.ws = t.ws and e.id = t.event_id
  where t.ws = $1 and t.hash = $2 and t.event_id >= $3 and e.conn = $4 and e.object = $5 and e.record = $6 and e.occurred > $7);

-- name: set_back
-- A lane that ended in a bug: tried again later. $1 worker, $2 ws, $3 lane, $4 seconds
update lane set state = 1, owner = null, recover = true, due = vv_now() + make_interval(secs => $4)
where ws = $2 and key = $3 and owner = $1;

-- name: next_due
-- Seconds until the next lane can be claimed, behind gates that are open or will be by themselves. $1 gates that take no
-- more now. Each priority on its own, so that no backlog is scanned.
select extract(epoch from min(greatest(l.due, case when g.state <> 4 or p.prio = 0 then g.closed_until end, g.probed)) - (select vv_now()))::float8
from gate g cross join (values (0), (5), (9)) p (prio) cross join lateral (
  select due from lane where state = 1 and gate = g.conn and prio = p.prio order by due limit 1) l
where g.state <> 2 and not (g.conn = any($1::int[]));

-- name: journal
-- What is known of runs that began before: their steps, newest try last.
select run_id, n, try, step, name, write, done, known, status, response, code, method, at
from step where ws = $1 and run_id = $2 order by n, try;

-- name: doubts
select n, at from intent where ws = $1 and run_id = $2 order by n;

-- name: answers
select slot, kind, answer from decision where ws = $1 and run_id = $2;

-- name: waiting
select state, code, tries, worked, since from pending where ws = $1 and run_id = $2;
