-- Runs that wait for an event. The run itself says whether one is it: what is here finds candidates, and wakes the run.

-- name: begin
-- A wait begins once; a repeat of the run goes on with it. What counts came after the run was made, after its last wait
-- and after the last event that it awaited. $1 ws, $2 run, $3 step, $4 its lane, $5 conn, $6 kinds, $7 hashes, $8 seconds
insert into awaited as a (ws, run_id, step, lane, conn, kinds, hashes, after, since, until)
select $1, $2, $3, $4, $5, $6::text[], $7::bigint[], greatest($2, coalesce((
    select max(coalesce((convert_from(s.response, 'UTF8')::jsonb ->> 'event')::bigint,
                        (extract(epoch from s.at) * 1000)::bigint << 22))
    from step s
    where s.ws = $1 and s.run_id = $2 and s.done and s.write and s.method = '' and s.name in ('wait', 'await')), 0)),
  vv_now(), vv_now() + make_interval(secs => $8::float8)
on conflict (ws, run_id) do update set
  step = excluded.step, lane = excluded.lane, conn = excluded.conn, kinds = excluded.kinds, hashes = excluded.hashes,
  after = excluded.after, refused = '{}', since = excluded.since, until = excluded.until
where a.step <> excluded.step;

-- name: waiting
select after, since, until from awaited where ws = $1 and run_id = $2;

-- name: more_hashes
-- The records at a connection that are known to be somebody. $1 ws, $2 keys, $3 conn
select distinct r.record from known_key k
join known_record x on x.ws = k.ws and x.id = k.record_id
join known_record r on r.ws = x.ws and r.person = x.person and r.conn = $3
where k.ws = $1 and k.key = any($2::text[]) limit 50;

-- name: candidates
-- $1 ws, $2 run
select e.id, e.part, e.method, e.path, e.query, e.headers, e.body from awaited a
join lateral (
  select distinct t.event_id from term t
  where t.ws = a.ws and t.hash = any(a.hashes) and t.event_id > a.after
    and t.event_id < ((extract(epoch from a.until) * 1000)::bigint + 1) << 22) t on true
join event e on e.ws = a.ws and e.id = t.event_id
where a.ws = $1 and a.run_id = $2 and e.conn = a.conn and e.kind = any(a.kinds) and not e.id = any(a.refused)
order by e.id limit 20;

-- name: refuse
-- Not what was awaited. Of what is too old to be looked for by others the ids are not kept. $1 ws, $2 run, $3 event,
-- $4 settled: whatever came before this id is committed
update awaited set
  after = greatest(after, least($3::bigint, $4::bigint)),
  refused = (select coalesce(array_agg(r), '{}') from unnest(refused || $3::bigint) r
             where r > greatest(after, least($3::bigint, $4::bigint)))
where ws = $1 and run_id = $2;

-- name: over
delete from awaited where ws = $1 and run_id = $2 and step = $3;

-- name: some
select exists (select 1 from awaited);

-- name: lock
select pg_try_advisory_xact_lock(8224);

-- name: reached
select (value ->> 'event')::bigint from fact where name = 'awaited';

-- name: reach
insert into fact (name, value, at) values ('awaited', jsonb_build_object('event', $1::bigint), vv_now())
on conflict (name) do update set value = excluded.value, at = excluded.at;

-- name: wake
-- Each run whose event came since an id: woken, or on its way into its lane. Those that wait for something else since
-- (a vendor that is down) look by themselves. $1 lowest id
with c as materialized (
  select a.ws, a.run_id, a.lane, x.id from awaited a
  cross join lateral (
    select min(e.id) as id from term t join event e on e.ws = t.ws and e.id = t.event_id
    where t.ws = a.ws and t.hash = any(a.hashes) and t.event_id > greatest(a.after, $1)
      and t.event_id < ((extract(epoch from a.until) * 1000)::bigint + 1) << 22
      and e.conn = a.conn and e.kind = any(a.kinds) and not e.id = any(a.refused)) x
  where x.id is not null),
p as materialized (
  select c.ws, c.run_id, c.lane, p.state from c join item i on i.ws = c.ws and i.lane = c.lane and i.run_id = c.run_id
  join pending p on p.ws = c.ws and p.run_id = c.run_id),
k as materialized (
  select l.ws, l.key from p join lane l on l.ws = p.ws and l.key = p.lane and l.state <> 2
  where p.state = 'wait'
  order by l.ws, l.key for update of l skip locked),
w as (
  update lane l set due = least(l.due, vv_now()) from k where l.ws = k.ws and l.key = k.key returning l.ws, l.key)
select c.ws, c.run_id, c.id, w.key is not null or coalesce(p.state <> 'wait', false) as woken
from c left join w on w.ws = c.ws and w.key = c.lane left join p on p.ws = c.ws and p.run_id = c.run_id;

-- name: wake_one
-- A run that begins to wait, when what it awaits came in this moment. $1 ws, $2 run
with w as (
  update lane l set due = vv_now() from awaited o
  where o.ws = $1 and o.run_id = $2 and l.ws = o.ws and l.key = o.lane and l.state <> 2 and exists (
    select 1 from awaited a join term t on t.ws = a.ws and t.hash = any(a.hashes) and t.event_id > a.after
      and t.event_id < ((extract(epoch from a.until) * 1000)::bigint + 1) << 22
    join event e on e.ws = t.ws and e.id = t.event_id
    where a.ws = $1 and a.run_id = $2 and e.conn = a.conn and e.kind = any(a.kinds) and not e.id = any(a.refused))
  returning l.key)
select pg_notify('vv_lanes', '') from w;

-- name: forget
-- What a run left behind that went on or ended. $1 ws, $2 run
delete from awaited a where a.ws = $1 and a.run_id = $2 and a.since < vv_now() - interval '10 minutes'
  and not exists (select 1 from item i where i.ws = a.ws and i.lane = a.lane and i.run_id = a.run_id);

-- name: forget_all
-- What crashes left behind, and runs that a person ended.
delete from awaited a where a.until < vv_now() - interval '1 day'
  and not exists (select 1 from item i where i.ws = a.ws and i.lane = a.lane and i.run_id = a.run_id);
