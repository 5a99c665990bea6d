-- name: acquire
-- Before a write: all match keys of the step as claims (all or nothing) and, for runs that got all of theirs, the
-- intent. Kept apart from releasing: together they deadlock between workers. A run in the answer = go.
-- $1 worker; claims $2 ws, $3 run, $4 conn, $5 object, $6 key; intents $7 ws, $8 run, $9 n, $10 how many keys.
-- Claims that a run could not complete are given back by `release`, in a statement of its own.
with me as materialized (select id from worker where id = $1 for key share),
k as materialized (
  select k.* from unnest($2::int[], $3::bigint[], $4::int[], $5::text[], $6::text[]) as k(ws, run_id, conn, object, key)),
ic as (
  insert into claim (ws, conn, object, key, run_id)
  select k.ws, k.conn, k.object, k.key, k.run_id from k, me order by k.ws, k.conn, k.object, k.key
  on conflict do nothing returning run_id, ws, conn, object, key),
mine as (
  select run_id, count(*) as got from (
    select run_id, ws, conn, object, key from ic
    union
    select c.run_id, c.ws, c.conn, c.object, c.key from claim c
    where c.run_id = any($3::bigint[]) and exists (
      select from k where k.run_id = c.run_id and k.ws = c.ws and k.conn = c.conn and k.object = c.object and k.key = c.key)
    ) held
  group by run_id),
go as (
  select i.ws, i.run_id, i.n, me.id as owner, (select vv_now()) as at
  from me, unnest($7::int[], $8::bigint[], $9::int[], $10::int[]) as i(ws, run_id, n, keys)
  left join mine using (run_id) where i.keys = coalesce(mine.got, 0)),
ii as (
  insert into intent (ws, run_id, n, owner, at) select ws, run_id, n, owner, at from go
  on conflict (ws, run_id, n) do update set owner = excluded.owner returning run_id)
select ii.run_id, k.object, k.key, l.record_id
from ii left join k using (run_id)
-- In an order that only the primary key gives: a plan kept from when the table was empty takes no other index.
left join lateral (
  select key, record_id from link where ws = k.ws and conn = k.conn and object = k.object and key >= k.key
  order by key limit 1) l on l.key = k.key
union all select 0, null, null, null from me;

-- name: holder
-- Who holds one of the keys, and since when that run waits itself (null: it is at work, or about to be). $1 ws, $2 run that asks, $3 conn, $4 object, $5 keys
select c.run_id, case when l.state = 3 or l.state = 1 and l.due > vv_now() then p.since end as since
from claim c left join pending p on p.ws = c.ws and p.run_id = c.run_id
left join lane l on l.ws = p.ws and l.key = p.lane
where c.ws = $1 and c.run_id <> $2 and c.conn = $3 and c.object = $4 and c.key = any($5::text[])
order by p.state = 'decision' desc nulls last limit 1;

-- name: release
-- Claims of runs that did not get all of their keys.
-- $1 runs, $2 worker
with me as materialized (select id from worker where id = $2 for key share)
delete from claim where run_id = any($1::bigint[]) and (select id from me) = $2;

-- name: write
-- Outcomes: steps, intents and claims gone, links, the next intents, finished and parked runs, lanes let go.
-- No row 0 in the answer: the lease is lost. No row 2 for a lane that was to be let go: new work came.
with me as materialized (select id from worker where id = $1 for key share),
st as (
  insert into step (ws, run_id, n, try, step, name, conn, write, done, known, method, url, status, request, response,
                    code, ms, at)
  select t.* from me, unnest($2::int[], $3::bigint[], $4::int[], $5::smallint[], $6::text[], $7::text[], $8::int[],
                    $9::bool[], $10::bool[], $11::text[], $12::text[], $13::text[], $14::smallint[], $15::bytea[],
                    $16::bytea[], $17::text[], $18::int[], $19::timestamptz[])
         as t(ws, run_id, n, try, step, name, conn, write, done, known, method, url, status, request, response,
              code, ms, at)
  on conflict do nothing),
-- $20-$21: runs whose intents are settled; $22-$23: runs whose claims end. Written as conditions, not as joins: a plan that
-- is kept from when a table was empty reads all of it for a join. And no more is said than one index knows: with the
-- workspace beside the run such a plan may take an index that begins with it. (No other workspace has a run's id.)
di as (
  delete from intent where ws = any($20::int[]) and run_id = any($21::bigint[]) and (select id from me) = $1),
dc as (
  delete from claim where run_id = any($23::bigint[]) and $22::int[] is not null and (select id from me) = $1),
-- $24-$29: links to remember (record_id null: to forget)
dl as (
  delete from link l
  where l.ws = any($24::int[]) and l.conn = any($25::int[]) and l.object = any($26::text[]) and l.key = any($27::text[])
    and exists (
      select from unnest($24::int[], $25::int[], $26::text[], $27::text[], $28::text[]) as t(ws, conn, object, key, record_id)
      where t.record_id is null and t.ws = l.ws and t.conn = l.conn and t.object = l.object and t.key = l.key)
    and (select id from me) = $1 and array_position($28::text[], null) is not null),
nl as (
  insert into link (ws, conn, object, key, record_id, run_id, at)
  select distinct on (ws, conn, object, key) t.ws, conn, object, key, record_id, run_id, (select vv_now())
  from me, unnest($24::int[], $25::int[], $26::text[], $27::text[], $28::text[], $29::bigint[])
           as t(ws, conn, object, key, record_id, run_id)
  where t.record_id is not null order by ws, conn, object, key, run_id desc
  on conflict (ws, conn, object, key) do update set record_id = excluded.record_id, run_id = excluded.run_id, at = excluded.at),
-- $30-$32: the next intents
ii as (
  insert into intent (ws, run_id, n, owner, at)
  select t.ws, t.run_id, t.n, me.id, (select vv_now()) from me, unnest($30::int[], $31::bigint[], $32::int[]) as t(ws, run_id, n)
  on conflict (ws, run_id, n) do update set owner = excluded.owner, at = excluded.at),
-- $33-$44: finished runs, with the place of their item; $53: the runs that they repeat
rn as (
  insert into run (ws, id, event_id, rule, version, status, code, params, records, calls, tries, finished, replay_of)
  select t.ws, t.id, t.event_id, t.rule, t.version, t.status, t.code, t.params::jsonb, t.records::jsonb, t.calls,
         t.tries, (select vv_now()), t.replay_of
  from me, unnest($33::int[], $34::bigint[], $35::bigint[], $36::int[], $37::int[], $38::smallint[], $39::text[],
                  $40::text[], $41::text[], $42::smallint[], $43::int[], $53::bigint[]) as t(ws, id, event_id, rule, version,
                  status, code, params, records, calls, tries, replay_of)
  on conflict do nothing),
dp as (
  delete from pending where ws = any($33::int[]) and run_id = any($34::bigint[]) and (select id from me) = $1),
it as (
  delete from item i where i.run_id = any($34::bigint[]) and (select id from me) = $1
    and i.seq = any(array(
      select t.seq from unnest($44::int[], $45::bigint[], $46::bigint[]) as t(ws, lane, seq)
      where t.ws = i.ws and t.lane = i.lane))),
-- $47-$49: what finished runs are found by
tm as (
  insert into term (ws, hash, event_id)
  select t.ws, t.hash, t.event_id from me, unnest($47::int[], $48::bigint[], $49::bigint[]) as t(ws, hash, event_id)
  on conflict do nothing),
-- $54-$57: what the outcomes of their steps say of records
nw as (
  insert into news (ws, run_id, event_id, records)
  select t.* from me, unnest($54::int[], $55::bigint[], $56::bigint[], $57::text[]) as t(ws, run_id, event_id, records)),
-- $50-$52: lanes to let go when nothing came after seq
lk as materialized (
  select l.ws, l.key from lane l
  where l.ws = any($50::int[]) and l.key = any($51::bigint[]) and l.owner is not distinct from $1 and (select id from me) = $1
    and l.tail = any(array(
      select t.seq from unnest($50::int[], $51::bigint[], $52::bigint[]) as t(ws, key, seq)
      where t.ws = l.ws and t.key = l.key))
  order by l.ws, l.key for update of l skip locked),
ld as (
  delete from lane l where l.ws = any(array(select ws from lk)) and l.key = any(array(select key from lk))
    and exists (select from lk where lk.ws = l.ws and lk.key = l.key)
  returning l.ws, l.key)
select 0 as what, id as ws, 0::bigint as key from me union all select 2, ws, key from ld;

-- name: park
-- Runs that wait: why, until when; their lanes are given back. A run in a wait step has moved to a lane of its own.
-- $1 worker; $2 ws, $3 run, $4 lane, $5 event, $6 rule, $7 version, $8 conn, $9 state, $10 code, $11 params, $12 due,
-- $13 tries to add, $14 working seconds to add
with me as materialized (select id from worker where id = $1 for key share),
t as materialized (
  select t.* from me, unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::int[], $8::int[],
                  $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::int[], $14::float8[])
         as t(ws, run_id, lane, event_id, rule, version, conn, state, code, params, due, tries, worked)),
p as (
  insert into pending (ws, run_id, lane, event_id, rule, version, conn, state, code, params, since, due, tries, worked)
  select ws, run_id, lane, event_id, rule, version, conn, state, code, params::jsonb, (select vv_now()), due, tries, worked
  from t
  on conflict (ws, run_id) do update set lane = excluded.lane, conn = excluded.conn, state = excluded.state,
    code = excluded.code, params = excluded.params, due = excluded.due, tries = pending.tries + excluded.tries,
    worked = pending.worked + excluded.worked,
    since = case when pending.state = excluded.state then pending.since else excluded.since end),
q as materialized (
  -- A question may have been answered before its run has parked: then it does not wait. The lock makes an answer come
  -- before this or after it: before, it is seen here; after, it sees the parked lane and wakes it.
  select d.ws, d.run_id from decision d
  where d.ws = any($2::int[]) and d.run_id = any($3::bigint[]) and d.answer is null
    and exists (select from t where t.state = 'decision' and t.ws = d.ws and t.run_id = d.run_id)
  order by d.ws, d.id for update of d),
w as materialized (
  select t.ws, t.lane, case when t.state = 'decision' and not exists (
           select from q where q.ws = t.ws and q.run_id = t.run_id)
         then (select vv_now()) else t.due end as due
  from t),
lk as materialized (
  select l.ws, l.key from lane l
  where l.ws = any(array(select ws from w)) and l.key = any(array(select lane from w)) and l.owner = $1
    and exists (select from t where t.ws = l.ws and t.lane = l.key)
  order by l.ws, l.key for update of l),
lu as (
  update lane l set state = 1, owner = null, recover = true,
                    due = (select max(w.due) from w where w.ws = l.ws and w.lane = l.key)
  where l.ws = any(array(select ws from lk)) and l.key = any(array(select key from lk))
    and exists (select from lk where lk.ws = l.ws and lk.key = l.key))
select id from me;

-- name: leave
-- A run in a wait step leaves its lane for one of its own. $1 worker, $2 ws, $3 lane, $4 seq, $5 new lane, $6 due
with me as materialized (select id from worker where id = $1 for key share),
it as (
  delete from item i using me where i.ws = $2 and i.lane = $3 and i.seq = $4
  returning i.run_id, i.event_id, i.rule, i.version, i.replay_of),
ln as (
  insert into lane (ws, key, rule, gate, tail, state, prio, due, recover)
  select $2, $5, it.rule, l.gate, 1, 1, 5, $6, true from it join lane l on l.ws = $2 and l.key = $3)
insert into item (ws, lane, seq, run_id, event_id, rule, version, replay_of)
select $2, $5, 1, run_id, event_id, rule, version, replay_of from it;

-- name: ask
-- A question for a person; asking again keeps the first. $1 worker, $2 ws, $3 id, $4 run, $5 event, $6 rule, $7 conn,
-- $8 slot, $9 kind, $10 question
with me as materialized (select id from worker where id = $1 for key share)
insert into decision (ws, id, run_id, event_id, rule, conn, slot, kind, question, asked)
select $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, (select vv_now()) from me
on conflict (ws, run_id, slot) do update set question = excluded.question, kind = excluded.kind
  where decision.answer is null;

-- name: started
-- The run that started its rule for a key. $1 ws, $2 rule, $3 key
select event_id from seen where ws = $1 and conn = -$2::int and key = $3;

-- name: once
-- Whether this run is the first (or the same) to start its rule for a key. $1 ws, $2 rule, $3 key, $4 run
with n as (
  insert into seen (ws, conn, key, event_id) values ($1, -$2::int, $3, $4) on conflict do nothing returning event_id)
select event_id = $4 from n union all select event_id = $4 from seen where ws = $1 and conn = -$2::int and key = $3 limit 1;
