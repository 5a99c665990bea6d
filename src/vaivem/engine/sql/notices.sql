-- name: keep
-- A notice for a member, once a run and step. No row: nobody of the workspace has this address.
-- $1 ws, $2 run, $3 place, $4 rule, $5 address, $6 text, $7 what the event is about
with m as (
  select s.id from membership s join member p on p.id = s.member_id
  where s.workspace_id = $1 and lower(p.email) = lower($5) and p.is_active),
n as (
  insert into notice (workspace_id, membership_id, run, place, rule_id, text, about, at)
  select $1, m.id, $2, $3, $4, $6, $7, vv_now() from m
  on conflict (run, place) do nothing)
select id from m;

-- name: members
-- The addresses of a workspace's members. $1 ws
select lower(p.email) as email from membership s join member p on p.id = s.member_id where s.workspace_id = $1;

-- name: forget
delete from notice where at < vv_now() - interval '90 days';
