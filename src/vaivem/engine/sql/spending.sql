-- What calls cost of the budget of a day: counted in memory, added here every few seconds.

-- name: add
-- $1 connections, $2 begins of ten minutes (seconds since 1970), $3 costs, $4 calls
insert into spending as x (conn, at, cost, calls)
select conn, to_timestamp(at), cost, calls from unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[]) as t(conn, at, cost, calls)
order by 1, 2
on conflict (conn, at) do update set cost = x.cost + excluded.cost, calls = x.calls + excluded.calls;

-- name: add_now
-- $1 connection, $2 cost, $3 calls
insert into spending as x (conn, at, cost, calls) values ($1, date_bin('10 minutes', vv_now(), 'epoch'), $2, $3)
on conflict (conn, at) do update set cost = x.cost + excluded.cost, calls = x.calls + excluded.calls;

-- name: forget
delete from spending where at < (select vv_now()) - interval '15 days';
