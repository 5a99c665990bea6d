-- Changes of fields, for rules that wait for them. A lane's runs come one after another, so that no two judge a record at once.

-- name: told
select code, before, after from told_change where ws = $1 and run_id = $2;

-- name: kept
select key, value, told from kept_value where ws = $1 and rule = $2 and key = any($3::bigint[]);

-- name: keep
-- What was judged, with the values that are known now. $1 ws, $2 rule, $3 run, $4 code, $5 before, $6 after, $7 keys,
-- $8 value, $9 when it was told
with t as (
  insert into told_change (ws, run_id, code, before, after) values ($1, $3, $4, $5, $6) on conflict do nothing
  returning 1)
insert into kept_value (ws, rule, key, value, told, seen)
select $1, $2, k, $8, $9, vv_now() from unnest($7::bigint[]) k, t
on conflict (ws, rule, key) do update set value = excluded.value, told = excluded.told, seen = excluded.seen;

-- name: forget_told
delete from told_change c using workspace w
where w.id = c.ws and c.run_id <
  (extract(epoch from (select vv_now()) - make_interval(days => w.retention_days)) * 1000)::bigint << 22;

-- name: forget_values
-- Of records that no event spoke of for as long as the history is kept.
delete from kept_value k using workspace w
where w.id = k.ws and k.seen < (select vv_now()) - make_interval(days => w.retention_days);
