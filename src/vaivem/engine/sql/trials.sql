-- Dry runs: a draft applied to what happened before, without writing anywhere but here.

-- name: trial
select t.id, t.rule_id, r.workspace_id, t.compiled::text, t.since, jsonb_array_length(t.found) as looked_at
from rule_trial t join rule r on r.id = t.rule_id
where t.id = $1 and t.kind = 'rehearsal' and t.state in ('waiting', 'running');

-- name: past
-- The newest events of these kinds, newest first. $1 ws, $2 connection, $3 kinds, $4 the lowest id, $5 how many
select id, title, part, method, path, query, headers, body from event
where ws = $1 and id >= $4 and conn = $2 and kind = any($3::text[]) order by id desc limit $5;

-- name: began
update rule_trial set state = 'running', total = $2, beat = vv_now() where id = $1;

-- name: found
-- One more event was looked at. Nothing for a dry run that a person stopped.
update rule_trial set found = found || $2::jsonb, beat = vv_now() where id = $1 and state = 'running' returning id;

-- name: ended
update rule_trial set state = $2, code = $3, params = $4::jsonb, beat = vv_now() where id = $1 and state = 'running';

-- name: known
-- What a claim of these keys would know. $1 ws, $2 connection, $3 object, $4 keys
select record_id from link where ws = $1 and conn = $2 and object = $3 and key = any($4::text[]) limit 1;
