-- name: connections
select id, workspace_id, connector, name, method, credentials, settings::text, account::text, catalog::text, hook, state,
       wants_hook, catch_up, test_account, subscription::text, expires, refreshed
from connection where removed is null;

-- name: one_connection
select id, workspace_id, connector, name, method, credentials, settings::text, account::text, '{}' as catalog, hook, state,
       wants_hook, catch_up, test_account, subscription::text, expires, refreshed
from connection where removed is null and id = $1;

-- name: zones
select id, zone from workspace;

-- name: rules
select r.id, r.workspace_id, r.state, r.on_since, v.number, v.compiled::text
from rule r join rule_version v on v.rule_id = r.id and v.number = r.version
where r.state in ('on', 'paused');

-- name: tests
-- Drafts that wait for the next real event, each as a version of its own (its number is negative).
select r.id, r.workspace_id, r.state, t.since as on_since, v.number, v.compiled::text
from rule_trial t join rule r on r.id = t.rule_id join rule_version v on v.rule_id = r.id and v.number = t.version
where t.kind = 'test' and t.state = 'waiting' and t.until > vv_now() and r.state in ('draft', 'on');

-- name: version
select r.id, r.workspace_id, r.state, r.on_since, v.number, v.compiled::text
from rule r join rule_version v on v.rule_id = r.id and v.number = $2 where r.id = $1;

-- name: connection_lock
select pg_advisory_xact_lock(8222, $1);

-- name: credentials
select credentials, expires from connection where id = $1;

-- name: save_credentials
-- Compare and set: only over what was read. $1 id, $2 sealed before, $3 sealed now, $4 seconds until it expires
update connection set credentials = $3, expires = vv_now() + make_interval(secs => $4), refreshed = vv_now(),
  refreshes = refreshes + 1, renewal = '{}'
where id = $1 and credentials = $2 returning expires;

-- name: save_webhook_secrets
-- Compare and set, like save_credentials; nothing else changes. $1 id, $2 sealed before, $3 sealed now
update connection set credentials = $3 where id = $1 and credentials = $2 returning id;

-- name: need_reconnect
update connection set state = 'reconnect' where id = $1 and state in ('working', 'paused') returning id;

-- name: app
select client_id, client_secret from oauth_app
where connector = $1 and (workspace_id = $2 or workspace_id is null) order by workspace_id nulls last limit 1;

-- name: save_subscription
update connection set subscription = $2::jsonb where id = $1;

-- name: save_catalog
update connection set catalog = $2::jsonb where id = $1 and catalog is distinct from $2::jsonb;

-- name: mark_rule
-- What a published version names that is gone; since when is kept while it lasts. $1 rule, $2 version, $3 problems
update rule set marks = $3::jsonb,
  marked = case when $3::jsonb = '[]' then null else coalesce(marked, vv_now()) end
where id = $1 and version = $2 and marks is distinct from $3::jsonb;

-- name: renewable
-- Every access that may be kept alive, with what was tried last.
select id, refreshed, renewal::text from connection
where removed is null and state <> 'reconnect' and refreshed is not null;

-- name: note_renewal
-- $1 id, $2 what went wrong
update connection set renewal = $2::jsonb where id = $1;
