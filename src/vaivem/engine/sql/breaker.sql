-- The breaker: rules that run wild are held. Looked at beside the runs, never in their way.

-- name: count
-- Add runs that changed something to this hour of their rules; the answer is those over what is usual for them.
-- $1 workspaces, $2 rules, $3 runs, $4 how many times the busiest hour
with up as (
  insert into rule_hour as x (rule, hour, ws, runs)
  select rule, date_trunc('hour', (select vv_now())), ws, runs
  from unnest($1::int[], $2::int[], $3::int[]) as t(ws, rule, runs) order by rule
  on conflict (rule, hour) do update set runs = x.runs + excluded.runs
  returning ws, rule, hour, runs - let_go as runs)
select up.ws, up.rule, up.runs, u.busiest, u.most
from up join rule r on r.id = up.rule and r.state = 'on' join workspace w on w.id = up.ws
cross join lateral (
  select coalesce(max(h.runs), 0) as busiest,
         greatest(coalesce(r.busy_runs, w.busy_runs), $4::int * coalesce(max(h.runs), 0)) as most
  from rule_hour h where h.rule = up.rule and h.hour < up.hour and h.hour >= up.hour - interval '14 days') u
where up.runs > u.most;

-- name: changed
-- Records that a rule changed more often in the last hour than it may. Counted from what is journaled: first by the
-- search terms of the runs' records, which is cheap and too many, then exactly.
-- $1 workspaces, $2 rules, $3 hashes of the records' ids, $4 connections, $5 objects, $6 records
select t.ws, t.rule, t.conn, t.object, t.record, x.times, s.most, x.name
from unnest($1::int[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[]) as t(ws, rule, hash, conn, object, record)
join rule r on r.id = t.rule and r.state = 'on' join workspace w on w.id = t.ws
cross join lateral (
  select coalesce(r.record_changes, w.record_changes) as most,
         (extract(epoch from greatest(vv_now() - interval '1 hour', r.let_go)) * 1000)::bigint << 22 as since) s
cross join lateral (
  select count(*) as times from (
    select 1 from term where ws = t.ws and hash = t.hash and event_id >= s.since limit s.most + 1) found) q
cross join lateral (
  select count(*) as times, max(part ->> 'name') as name
  from term m join run n on n.ws = m.ws and n.event_id = m.event_id and n.rule = t.rule and n.replay_of is null
  cross join lateral (
    select p as part from jsonb_array_elements(n.records) p
    where p ->> 'did' in ('created', 'updated') and p ->> 'conn' = t.conn and p ->> 'object' = t.object and p ->> 'id' = t.record limit 1) own
  where q.times > s.most and m.ws = t.ws and m.hash = t.hash and m.event_id >= s.since and n.id >= s.since) x
where x.times > s.most;

-- name: hold
-- A rule is held: like a paused one, and it says why. $1 rule, $2 why
with r as (
  update rule set state = 'paused', held = $2::jsonb, held_since = vv_now() where id = $1 and state = 'on'
  returning id, workspace_id, title),
a as (
  insert into audit_entry (workspace_id, action, object, before, after, via, at)
  select workspace_id, 'rule.held', title, '{"state": "on"}', jsonb_build_object('state', 'paused', 'rule', id), '', now()
  from r),
k as materialized (
  select l.ws, l.key from lane l join r on r.id = l.rule where l.state = 1 order by l.ws, l.key for update of l skip locked),
l as (update lane x set state = 3 from k where x.ws = k.ws and x.key = k.key)
select id from r;

-- name: forget_hours
delete from rule_hour where hour < (select vv_now()) - interval '15 days';
