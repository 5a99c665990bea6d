-- name: ensure
insert into gate (conn, ws) select id, workspace_id from connection on conflict (conn) do nothing;

-- name: free_removed
-- What waits at a connection that was removed waits for nothing: its runs end, saying so.
with g as (
  update gate set state = 0, fails = 0, closed_until = null, since = null, code = '', params = '{}'
  where state <> 0 and conn in (select id from connection where removed is not null) returning conn)
update lane l set due = vv_now() from g join pending p on p.conn = g.conn and p.state in ('held', 'retry', 'limit')
where l.ws = p.ws and l.key = p.lane and l.state = 1;

-- name: all
select conn, state, closed_until, fails, code,
  greatest(0, extract(epoch from closed_until - (select vv_now())))::float8 as closed_for
from gate;

-- name: state
select state from gate where conn = $1;

-- name: pause
-- The vendor does not answer: closed for a growing time, then probed. Calls that were under way when the gate closed
-- change nothing: only what fails after that time makes it longer. $1 conn, $2 code, $3 params, $4 whether so many
-- failed that an open gate closes
update gate set state = 1, fails = fails + 1, code = $2, params = $3::jsonb, since = coalesce(since, vv_now()),
  closed_until = vv_now() + make_interval(secs => least(300, power(2, least(fails, 8)))), probed = null
where conn = $1 and ((state = 1 and closed_until <= vv_now()) or ($4::bool and state in (0, 3)))
returning conn;

-- name: limit
-- The vendor's limit is reached. $1 conn, $2 seconds, $3 code
update gate set state = 3, code = $3, since = coalesce(since, vv_now()),
  closed_until = greatest(closed_until, vv_now() + make_interval(secs => $2))
where conn = $1 and state in (0, 3);

-- name: open
-- Another worker may know of a limit that is not over.
update gate set state = 0, fails = 0, closed_until = null, probed = null, since = null, code = '', params = '{}'
where conn = $1 and (state = 1 or (state = 3 and closed_until <= vv_now()))
returning conn;

-- name: hold
-- Reconnect needed. $1 conn, $2 code, $3 params
update gate set state = 2, code = $2, params = $3::jsonb, since = vv_now(), closed_until = null, probed = null
where conn = $1 and state <> 2;

-- name: spend
-- The budget of the day is spent. $1 conn, $2 code, $3 params, $4 seconds until it is counted anew, $5 seconds until a
-- live call is let through
update gate set state = 4, fails = 0, code = $2, params = $3::jsonb, since = case when state = 4 then since else vv_now() end,
  closed_until = vv_now() + make_interval(secs => $4), probed = vv_now() + make_interval(secs => $5)
where conn = $1 and state <> 2;

-- name: try_spent
-- Whether a live call may be tried while the budget is spent. $1 conn, $2 seconds until the next
update gate set probed = vv_now() + make_interval(secs => $2)
where conn = $1 and state = 4 and (probed is null or probed <= vv_now())
returning conn;

-- name: refill
-- There is budget again, or the day is over: what waited for it goes on. $1 conn, $2 the cost of the call that was answered
with g as (
  update gate set state = 0, fails = 0, closed_until = null, probed = null, since = null, code = '', params = '{}'
  where conn = $1 and state = 4 and ($2::int >= coalesce((params ->> 'cost')::int, 0) or closed_until <= vv_now())
  returning conn),
k as materialized (
  select l.ws, l.key from g join pending p on p.conn = g.conn and p.state = 'limit'
  join lane l on l.ws = p.ws and l.key = p.lane
  where l.state = 1 order by l.ws, l.key for update of l skip locked),
u as (update lane l set due = vv_now() from k where l.ws = k.ws and l.key = k.key)
select conn from g;
