-- The database's clock went back by $1 seconds: what was to come due by the clock of before comes due as soon as it was
-- meant to. Done by every worker that notices; what is done twice only comes earlier, which costs a look.

-- name: lanes
-- Not those in a wait step: a date that a rule waits for stays that date.
with k as materialized (
  select ws, key from lane l
  where state = 1 and due > vv_now() and due < '9000-01-01' and not exists (
    select 1 from pending p where p.ws = l.ws and p.lane = l.key and p.state = 'wait')
  order by ws, key for update skip locked)
update lane l set due = greatest(vv_now(), l.due - make_interval(secs => $1::float8))
from k where l.ws = k.ws and l.key = k.key;

-- name: pending
update pending set due = greatest(vv_now(), due - make_interval(secs => $1::float8))
where due > vv_now() and due < '9000-01-01' and state not in ('wait', 'decision');

-- name: gates
update gate set closed_until = greatest(vv_now(), closed_until - make_interval(secs => $1::float8)),
  probed = least(probed, vv_now())
where closed_until > vv_now() or probed > vv_now();

-- name: buckets
update bucket set at = least(at, vv_now()),
  closed_until = greatest(vv_now(), closed_until - make_interval(secs => $1::float8))
where at > vv_now() or closed_until > vv_now();

-- name: windows
update call_window set at = array(select least(t, vv_now()) from unnest(at) t order by 1)
where (select max(t) from unnest(at) t) > vv_now() and $1::float8 > 0;
