-- Who is in which automation. A row holds while its run has an item. $1 ws, $2 rule, $3 person

-- name: enter
insert into inside (ws, rule, person, run_id, since) values ($1, $2, $3, $4, vv_now()) on conflict do nothing;

-- name: holder
select run_id from inside where ws = $1 and rule = $2 and person = $3;

-- name: follow
-- Take the place of a run that ended. $4 this run, $5 the one that was seen inside
update inside set run_id = $4, since = vv_now()
where ws = $1 and rule = $2 and person = $3 and run_id = $5
  and not exists (select 1 from item i where i.ws = $1 and i.run_id = $5)
returning true;

-- name: is_inside
select exists (
  select 1 from inside h join item i on i.ws = h.ws and i.run_id = h.run_id
  where h.ws = $1 and h.rule = $2 and h.person = $3);

-- name: leave
delete from inside where ws = $1 and rule = $2 and person = $3 and run_id = $4;

-- name: wake
-- The one that has waited longest for the person is due now.
with k as materialized (
  select l.ws, l.key from pending p join lane l on l.ws = p.ws and l.key = p.lane and l.state = 1
  where p.ws = $1 and p.state = 'claim' and p.rule = $2 and p.code = 'person_is_inside' and p.params ->> 'inside' = $3
  order by p.run_id limit 1 for update of l),
w as (update lane l set due = vv_now() from k where l.ws = k.ws and l.key = k.key returning l.key)
select pg_notify('vv_lanes', '') from w;
