-- Backfills. See "Backfills" in docs/engine.md.

-- name: begin
-- Whether this connection may look after backfills: one does at a time, until it says so or is gone.
select pg_try_advisory_lock(8225);

-- name: end
select pg_advisory_unlock(8225);

-- name: next
-- The open backfill that was looked after longest ago; after a failure not before its pause is over.
select ws, id, rule, state, since, until, at, steps, counts::text, sample::text from backfill
where state in (0, 2) and touched <= vv_now()
order by touched limit 1;

-- name: note
-- How far it has come. A state that a person changed meanwhile stays.
-- $1 ws, $2 id, $3 state, $4 how far, $5 counts, $6 sample, $7 code, $8 params, $9 the state when the day began, $10 seconds of pause
update backfill set state = case when state = $9 then $3 else state end, at = $4, counts = $5::jsonb, sample = $6::jsonb, code = $7, params = $8::jsonb,
  touched = vv_now() + make_interval(secs => $10) where ws = $1 and id = $2;

-- name: waiting
-- How many runs of bulk a rule has in its lanes. $1 ws, $2 rule
select count(*) from item i join event e on e.ws = i.ws and e.id = i.event_id
where i.ws = $1 and i.rule = $2 and e.bulk;
