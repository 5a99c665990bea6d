-- name: keep
-- $1 ws, $2 conn, $3 object, $4 record, $5 fields
insert into written as x (ws, conn, object, record, fields, at)
values ($1, $2, $3, $4, $5::jsonb, vv_now())
on conflict (ws, conn, object, record) do update set fields = x.fields || excluded.fields, at = excluded.at;

-- name: last
-- What we last wrote to a record, and whether a write of a rule that writes there is under way (its intent stands).
-- $1 ws, $2 conn, $3 object, $4 record, $5 rules that write there
select w.fields::text as fields, exists (
    select 1 from intent i join item t on t.ws = i.ws and t.run_id = i.run_id
    where i.ws = $1 and t.rule = any($5::int[]) and i.at > vv_now() - interval '1 minute') as writing
from (select 1) one left join written w on w.ws = $1 and w.conn = $2 and w.object = $3 and w.record = $4;

-- name: forget
-- As long as history is kept.
delete from written x using workspace w where w.id = x.ws and x.at < (select vv_now()) - make_interval(days => w.retention_days);
