-- name: find
-- $1 conn, $2 the record, $3 the call, $4 not older than
select at, status, content from kept_answer
where conn = $1 and name = $2 and what = $3 and at >= $4 and at <= vv_now() and until > vv_now();

-- name: keep
-- $1 conn, $2 the record, $3 the call, $4 when the read began, $5 seconds to keep it, $6 status, $7 content
insert into kept_answer (conn, name, what, at, until, status, content)
values ($1, $2, $3, $4::timestamptz, $4::timestamptz + make_interval(secs => $5::float8), $6, $7)
on conflict (conn, name) do update set what = excluded.what, at = excluded.at, until = excluded.until,
  status = excluded.status, content = excluded.content
where kept_answer.at <= excluded.at or kept_answer.at > vv_now();

-- name: forget
delete from kept_answer where until <= (select vv_now()) or at > (select vv_now()) + interval '1 hour';
