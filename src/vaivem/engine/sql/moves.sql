-- Looks for what exists already, before a move from an old integration: they read, and keep what they found.

-- name: take
-- One worker looks at a time; one that says nothing for a minute has ended. $1 move
update move set state = 'running', beat = vv_now(), code = '', params = '{}'
where id = $1 and (state = 'waiting' or state = 'running' and beat < vv_now() - interval '1 minute')
returning id, workspace_id, rules::text, since, until;

-- name: alive
-- Nothing for one that a person stopped.
update move set beat = vv_now() where id = $1 and state = 'running' returning id;

-- name: kept_read
select status, headers::text, content from move_read where move_id = $1 and key = $2;

-- name: keep_read
insert into move_read (move_id, key, status, headers, content) values ($1, $2, $3, $4::jsonb, $5)
on conflict do nothing;

-- name: count_read
update move set reads = reads + 1, beat = vv_now() where id = $1 and state = 'running' returning id;

-- name: total
update move set total = $2, beat = vv_now() where id = $1;

-- name: done
select n from move_found where move_id = $1;

-- name: found
insert into move_found (move_id, n, rule, title, result, code, params, steps, links, keys)
values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9::jsonb, $10::jsonb) on conflict do nothing;

-- name: ended
update move set state = $2, code = $3, params = $4::jsonb, beat = vv_now() where id = $1 and state = 'running';

-- name: forget_reads
delete from move_read where move_id = $1;

-- name: again
-- Whose worker has ended goes on with another.
insert into pgqueuer (priority, entrypoint, payload, execute_after, status, created, updated, heartbeat)
select 0, 'look', convert_to(json_build_object('move', id)::text, 'UTF8'), now(), 'queued', now(), now(), now()
from move where state in ('waiting', 'running') and beat < vv_now() - interval '2 minutes';
