-- Records of two systems that are linked, found from either side.

-- name: keep
-- $1 ws; $2 conn, $3 object, $4 record: made or changed for $5 conn, $6 object, $7 record
insert into linked (ws, conn, object, record, of_conn, of_object, of_record, at)
select $1, $2, $3, $4, $5, $6, $7, vv_now()
on conflict do nothing;

-- name: find
-- What is linked with a record. $1 ws, $2 conn and $3 object of what is wanted, $4 conn, $5 object, $6 record that is
-- known, $7 whether also what was made for that record is meant (else only what it was made for)
select record from linked
where $7 and ws = $1 and of_conn = $4 and of_object = $5 and of_record = $6 and conn = $2 and object = $3
union
select of_record from linked
where ws = $1 and conn = $4 and object = $5 and record = $6 and of_conn = $2 and of_object = $3
limit 2;

-- name: forget
delete from linked where conn in (select id from connection where removed < vv_now() - interval '30 days')
  or of_conn in (select id from connection where removed < vv_now() - interval '30 days');
