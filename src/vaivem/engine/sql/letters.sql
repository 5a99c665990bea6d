-- name: claim
-- One letter that waits. Whoever takes it has ten minutes; after that nobody knows whether it went out.
update letter set state = 1, tries = tries + 1, due = vv_now() + interval '10 minutes'
where id = (select id from letter where state = 0 and due <= vv_now() order by id limit 1 for update skip locked)
returning id, kind, recipient, subject, content, message_id, tries;

-- name: lose
-- Taken by a worker that died: perhaps it went out, so it is not sent again.
update letter set state = 4, code = 'mail_answer_lost', content = '' where state = 1 and due <= vv_now();

-- name: sent
update letter set state = 2, code = '', said = '', content = '', sent = vv_now() where id = $1;

-- name: later
update letter set state = 0, code = $2, said = $3, due = vv_now() + make_interval(secs => $4) where id = $1;

-- name: ended
-- $2: 3 refused, 4 perhaps sent
update letter set state = $2, code = $3, said = $4, content = '' where id = $1;

-- name: way_out
-- The kept token of an address, whether it opted out, and what the words about it are made of.
with kept as (
  insert into mail_address (workspace_id, address, token) values ($1, $2, $3)
  on conflict (workspace_id, address) do update set address = excluded.address
  returning token, opted_out)
select token, opted_out is not null as opted_out, language, name,
  coalesce((select value->>'url' from fact where fact.name = 'public_address'), '') as public
from kept, workspace where workspace.id = $1;

-- name: keep
-- A rule's letter of a demo: shown on a page.
insert into letter (workspace_id, kind, recipient, subject, content, message_id, state, sent)
values ($1, 'rule', $2, $3, $4, $5, 5, vv_now());

-- name: sent_to
-- To whom the letter of a run's place went, as JSON; null when none was handed over.
select response from step where ws = $1 and run_id = $2 and n = $3 and name = 'mail.send' and method = 'SMTP'
order by try desc limit 1;

-- name: bounced
insert into mail_bounce (workspace_id, run, place, address, status, said, at)
select id, $2, $3, $4, $5, $6, vv_now() from workspace where id = $1
on conflict (run, place, address) do nothing;

-- name: forget_bounces
delete from mail_bounce where at < vv_now() - interval '180 days';

-- name: forget
delete from letter where created < vv_now() - interval '30 days';
