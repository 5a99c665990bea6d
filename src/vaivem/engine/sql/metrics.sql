-- name: gauges
-- All that Prometheus is told, as (name, label, value): counts of small tables and of lanes with work.
select 'vaivem_lanes' as name, case state when 1 then 'ready' when 2 then 'owned' else 'paused' end as label, count(*)::float8 as value
from lane group by state
union all
select 'vaivem_lane_oldest_due_seconds', '', greatest(0, extract(epoch from (select vv_now()) - min(due)))::float8
from lane where state = 1 and due <= (select vv_now()) having count(*) > 0
union all select 'vaivem_runs_pending', state, count(*) from pending group by state
union all select 'vaivem_decisions_open', '', count(*) from decision where answer is null
union all select 'vaivem_deliveries_rejected', '', count(*) from rejected where state = 0
union all
select 'vaivem_connections', case state when 0 then 'open' when 1 then 'paused' when 2 then 'held' when 3 then 'limited' else 'spent' end, count(*)
from gate where conn > 0 group by state
union all select 'vaivem_rules_held', '', count(*) from rule where state = 'paused' and held is not null
union all select 'vaivem_workers', '', count(*) from worker where until > clock_timestamp();
