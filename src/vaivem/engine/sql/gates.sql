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
-- The vendor's limit is reached. $1 conn, $2 seconds
update gate set state = 3, code = 'vendor_limit', since = coalesce(since, vv_now()),
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
