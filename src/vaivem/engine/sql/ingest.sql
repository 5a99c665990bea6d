-- Ingest: once, kept, in a lane. The 2xx comes after it; NOTIFY outside of it, throttled, with a trailing edge.
-- Events $1-$17, runs $18-$25, search terms $26-$28. The caller has dropped repeats within the batch.
-- `seq` order is commit order, because the lane's row is locked before `seq` is known.

-- name: take
with t as materialized (
  select * from unnest($1::int[], $2::int[], $3::bytea[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[],
                       $8::text[], $9::text[], $10::timestamptz[], $11::bool[], $12::smallint[], $13::smallint[],
                       $14::text[], $15::text[], $16::text[], $17::bytea[], $18::bytea[])
         as t(ws, conn, key, until, event_id, kind, object, record, title, occurred, bulk, items, part,
              method, path, query, headers, body)),
d as (
  insert into seen (ws, conn, key, event_id, until)
  select ws, conn, key, event_id, until from t order by ws, conn, key
  on conflict (ws, conn, key) do update set event_id = excluded.event_id, until = excluded.until
    where seen.until < (select vv_now())
  returning event_id),
e as (
  insert into event (ws, id, conn, kind, object, record, title, occurred, bulk, items, part, method, path, query,
                     headers, body)
  select ws, event_id, conn, kind, object, record, title, occurred, bulk, items, part, method, path, query,
         headers, body
  from t join d using (event_id)),
r as materialized (
  select r.* from unnest($19::int[], $20::bigint[], $21::bigint[], $22::bigint[], $23::int[], $24::int[],
                         $25::int[], $26::smallint[], $27::smallint[]) with ordinality
         as r(ws, event_id, lane, run_id, rule, version, gate, prio, state, ord)
  join d using (event_id)),
l as (
  insert into lane as x (ws, key, rule, gate, tail, state, prio, due)
  select ws, lane, min(rule), min(gate), count(*), max(state), max(prio), (select vv_now())
  from r group by ws, lane order by ws, lane
  on conflict (ws, key) do update set tail = x.tail + excluded.tail, prio = greatest(x.prio, excluded.prio)
  returning ws, key, tail),
i as (
  insert into item (ws, lane, seq, run_id, event_id, rule, version)
  select r.ws, r.lane,
         l.tail - count(*) over (partition by r.ws, r.lane) + row_number() over (partition by r.ws, r.lane order by r.ord),
         r.run_id, r.event_id, r.rule, r.version
  from r join l on l.ws = r.ws and l.key = r.lane),
s as (
  insert into term (ws, hash, event_id)
  select s.ws, s.hash, s.event_id
  from unnest($28::int[], $29::bigint[], $30::bigint[]) as s(ws, hash, event_id) join d using (event_id))
select event_id from d;

-- name: repeated
-- Deliveries of events that were known: counted for people, after the commit that found them known.
insert into repeated as r (ws, event_id, times, last, alike)
select s.ws, s.event_id, sum(t.times), (select vv_now()), bool_or(s.until is not null)
from unnest($1::int[], $2::int[], $3::bytea[], $4::int[]) as t(ws, conn, key, times)
join seen s using (ws, conn, key)
group by s.ws, s.event_id order by s.ws, s.event_id
on conflict (ws, event_id) do update set times = r.times + excluded.times, last = excluded.last, alike = excluded.alike;

-- name: reject
insert into rejected (ws, id, conn, code, params, status, method, path, query, headers, body)
values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11);

-- name: reject_once
-- As `reject`, unless the connection has a row with this code since $12: a flood makes one row, not a table full.
insert into rejected (ws, id, conn, code, params, status, method, path, query, headers, body)
select $1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11
where not exists (select 1 from rejected where ws = $1 and id >= $12 and conn = $3 and code = $4);

-- name: hook_state
select id, removed is not null as removed from connection where hook = $1;
