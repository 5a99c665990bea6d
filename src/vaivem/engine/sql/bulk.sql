-- Writes in bulk. See "In bulk" in docs/engine.md.

-- name: told
-- $1 ws, $2 run, $3 place
select told from bulk_write where ws = $1 and run_id = $2 and n = $3;

-- name: ask
-- $1 ws, $2 run, $3 place, $4 conn, $5 key, $6 lane, $7 record
insert into bulk_write (ws, run_id, n, conn, key, lane, record, at)
values ($1, $2, $3, $4, $5, $6, $7, vv_now()) on conflict do nothing;

-- name: some
select exists (select from bulk_write where told is null) or exists (select from bulk_batch);

-- name: gathering
-- What waits for a call. $1 seconds after which the oldest waits no longer, $2 seconds in which no other came
select conn, key, count(*) as many,
  min(at) <= (select vv_now()) - make_interval(secs => $1::float8) or max(at) <= (select vv_now()) - make_interval(secs => $2::float8) as ripe
from bulk_write where batch is null and told is null group by conn, key;

-- name: form
-- Put the oldest into a batch. $1 conn, $2 key, $3 most records, $4 most bytes; one record at least
with r as materialized (
  select ws, run_id, n, at, octet_length(record) as size from bulk_write
  where conn = $1 and key = $2 and batch is null and told is null
  order by at, run_id, n limit $3 for update skip locked),
s as materialized (
  select ws, run_id, n, size, sum(size) over (order by at, run_id, n) as upto from r),
b as (
  insert into bulk_batch (ws, conn, key, made, look)
  select min(ws), $1, $2, (select vv_now()), (select vv_now()) from s having count(*) > 0 returning id)
update bulk_write w set batch = b.id from b, s
where w.ws = s.ws and w.run_id = s.run_id and w.n = s.n and (s.upto <= $4 or s.upto = s.size);

-- name: take
-- A batch to look after. $1 seconds in which no other worker does
update bulk_batch set look = vv_now() + make_interval(secs => $1::float8)
where id = (
  select id from bulk_batch where look <= (select vv_now()) order by look limit 1 for update skip locked)
returning id, ws, conn, key, tries, name, extract(epoch from vv_now() - made)::float8 as waited,
  extract(epoch from vv_now() - sent)::float8 as worked;

-- name: records
-- Those whose run is still there: what a person ended is not written.
select ws, run_id, n, record from bulk_write w where batch = $1 and told is null
  and exists (select from item i where i.ws = w.ws and i.run_id = w.run_id)
order by at, run_id, n;

-- name: sent
-- $1 batch, $2 what the vendor calls it, $3 seconds until the first look
update bulk_batch set name = $2, sent = vv_now(), tries = 0, look = vv_now() + make_interval(secs => $3::float8) where id = $1;

-- name: later
-- $1 batch, $2 tries that failed in a row, $3 seconds
update bulk_batch set tries = $2, look = vv_now() + make_interval(secs => $3::float8) where id = $1;

-- name: tell
-- What became of records: their runs go on. $1 batch, $2 runs, $3 places, $4 what to tell
with t as materialized (select * from unnest($2::bigint[], $3::int[], $4::text[]) as t(run_id, n, told)),
u as (
  update bulk_write w set told = t.told, record = '' from t
  where w.batch = $1 and w.run_id = t.run_id and w.n = t.n and w.told is null returning w.ws, w.lane),
k as materialized (
  select l.ws, l.key from u join lane l on l.ws = u.ws and l.key = u.lane where l.state = 1
  order by l.ws, l.key for update of l),
w as (update lane l set due = least(l.due, vv_now()) from k where l.ws = k.ws and l.key = k.key returning l.key)
select pg_notify('vv_lanes', '') from (select count(*) from w) woken where count > 0;

-- name: close
delete from bulk_batch b where b.id = $1 and not exists (
  select from bulk_write w join item i on i.ws = w.ws and i.run_id = w.run_id where w.batch = b.id and w.told is null);

-- name: forget
-- What runs left behind that are over. (One that asks at this moment has its item.)
delete from bulk_write w where not exists (select from item i where i.ws = w.ws and i.run_id = w.run_id);
