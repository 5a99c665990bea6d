-- name: ensure
insert into bucket (conn, name, rate, cap, tokens, at) values ($1, $2, $3, $4, $4, vv_now())
on conflict (conn, name) do update set rate = excluded.rate, cap = excluded.cap,
  tokens = least(bucket.tokens, excluded.cap)
where bucket.rate <> excluded.rate or bucket.cap <> excluded.cap;

-- name: take
-- $1 conn, $2 bucket, $3 wanted, $4 needed (fewer are not given; more than the cap waits for a full bucket and leaves a
-- debt), $5 kept in reserve (bulk may not touch it). Gives how many were got and the seconds until that many can be.
-- `at` never goes back: who waited for the row's lock read the clock before the one who held it.
update bucket b
set tokens = f.available - f.got, at = greatest(f.at, f.now)
from (
  select conn, name, now, at, rate, closed, available, least($4::float8, cap) + $5::float8 as threshold,
         case when closed > 0 or available < least($4::float8, cap) + $5::float8 then 0
              else greatest($4::float8, least($3::float8, floor(available - $5::float8))) end as got
  from (
    select x.conn, x.name, x.rate, x.cap, x.at, t.now,
           least(x.cap, x.tokens + x.rate * greatest(0, extract(epoch from t.now - x.at))) as available,
           coalesce(greatest(0, extract(epoch from x.closed_until - t.now)), 0)::float8 as closed
    from bucket x, (select vv_now() as now) t where x.conn = $1 and x.name = $2 for update of x) a) f
where b.conn = f.conn and b.name = f.name
returning f.got::float8 as got, greatest(f.closed, (f.threshold - f.available) / f.rate)::float8 as wait;

-- name: believe
-- The vendor's own word: so many are left now, however long ago the bucket was last filled. $1 conn, $2 remaining,
-- $3 the buckets that it speaks of
update bucket b
set tokens = least(b.tokens + b.rate * greatest(0, extract(epoch from t.now - b.at)), b.cap, $2::float8),
    at = greatest(b.at, t.now)
from (select vv_now() as now) t where b.conn = $1 and b.name = any($3::text[]);

-- name: close
update bucket set closed_until = greatest(closed_until, vv_now() + make_interval(secs => $2)), tokens = 0 where conn = $1;

-- name: take_window
-- One call of a record's own limit. $1 conn, $2 the record, $3 calls allowed in any $4 seconds. Gives whether it is
-- granted, and the seconds until the oldest of those that count is out of the window.
insert into call_window as w (conn, name, at, granted) select $1, $2, array[vv_now()], true
on conflict (conn, name) do update set (at, granted) = (
  select case when counted.number < $3 then counted.kept || excluded.at else counted.kept end, counted.number < $3
  from (select coalesce(array_agg(t order by t), '{}') as kept, count(*) as number from unnest(w.at) t
        where t > excluded.at[1] - make_interval(secs => $4::float8)) counted)
returning granted, at[cardinality(at)] as taken,
  extract(epoch from at[1] + make_interval(secs => $4::float8) - vv_now())::float8 as wait;

-- name: give_window_back
-- $1 conn, $2 the record, $3 the moment of the call that was granted and not made
update call_window set at = array_remove(at, $3) where conn = $1 and name = $2;
