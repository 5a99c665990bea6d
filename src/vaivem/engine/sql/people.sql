-- People, companies and documents, as events tell of them.

-- name: lock
-- Nobody else changes who is who in this workspace until the transaction ends.
select pg_advisory_xact_lock(8223, $1);

-- name: workspaces
select id from workspace order by id;

-- name: reached
select coalesce(n.event_id, 0) as event_id, coalesce(n.linked, '-infinity') as linked
from (select $1::int as ws) w left join noted n on n.ws = w.ws;

-- name: events
select id, conn, part, method, path, query, headers, body from event
where ws = $1 and id > $2 and id < $3 order by id limit $4;

-- name: linked
-- With all of one moment, for the moment is the place to go on from. $1 ws, $2 after, $3 before, $4 how many
select conn, object, record, of_conn, of_object, of_record, at from linked
where ws = $1 and at > $2 and at < $3 order by at fetch first $4 rows with ties;

-- name: news
-- What the outcomes of steps say, each row once. $1 ws, $2 how many, $3 of runs before
delete from news n using (select ws, id from news where ws = $1 and run_id < $3 order by id limit $2) q
where n.ws = q.ws and n.id = q.id returning n.run_id, n.event_id, n.records;

-- name: reach
insert into noted (ws, event_id, linked) values ($1, $2, $3)
on conflict (ws) do update set event_id = excluded.event_id, linked = excluded.linked;

-- name: record
-- Of each field the value that was told last stays. $1 ws, $2 conn, $3 object, $4 record, $5 kind, $6 fields, $7 told,
-- $8 event, $9 the run that wrote it (0: none)
insert into known_record as k (ws, conn, object, record, kind, fields, told, event_id, run_id, wrote)
values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, case when $9::bigint > 0 then $7::timestamptz end)
on conflict (ws, conn, object, record) do update set
  fields = (
    select coalesce(jsonb_object_agg(key, value), '{}') from (
      select distinct on (key) key, value
      from (select * from jsonb_each(k.fields) union all select * from jsonb_each(excluded.fields)) told
      order by key, (value ->> 1)::float8 desc, value ->> 0 desc) newest),
  event_id = greatest(k.event_id, excluded.event_id),
  run_id = case when excluded.wrote >= coalesce(k.wrote, '-infinity') then excluded.run_id else k.run_id end,
  wrote = greatest(k.wrote, excluded.wrote),
  told = greatest(k.told, excluded.told)
returning id, person, fields::text as fields, told;

-- name: fields
select fields::text from known_record where ws = $1 and conn = $2 and object = $3 and record = $4;

-- name: read
-- A run read something new of a record. $1 ws, $2 record, $3 when it read, $4 the run
update known_record set read = $3, read_run_id = $4
where ws = $1 and id = $2 and coalesce(read, '-infinity') <= $3;

-- name: forget_keys
-- What a record is known by no more. Documents' words are not its own values, and stay.
delete from known_key where ws = $1 and record_id = $2 and key not like 'document:%' and not key = any($3::text[]);

-- name: keys
insert into known_key as k (ws, key, record_id, told) select $1, unnest($3::text[]), $2, $4
on conflict (ws, key, record_id) do update set told = excluded.told where k.told < excluded.told;

-- name: hear
insert into heard (ws, record_id, event_id) values ($1, $2, $3) on conflict do nothing;

-- name: make_person
insert into person (ws, kind, at) values ($1, $2, $3) returning id;

-- name: belong
update known_record set person = $3 where ws = $1 and id = $2;

-- name: keep_for
update known_record set of_record = $3 where ws = $1 and id = $2 and of_record is distinct from $3;

-- name: named
-- A person has the name that was told last, else the address. $1 ws, $2 person, $3 told
update person set at = greatest(at, $3), name = vv_person_name(ws, id) where ws = $1 and id = $2;

-- name: alike
-- Records of the same kind with one of these keys. $1 ws, $2 record, $3 kind, $4 keys
select r.id, min(k.key) as key from known_key k join known_record r on r.ws = k.ws and r.id = k.record_id
where k.ws = $1 and k.key = any($4::text[]) and r.id <> $2 and r.kind = $3
group by r.id order by r.id limit 20;

-- name: known
select id from known_record where ws = $1 and conn = $2 and object = $3 and record = $4;

-- name: person_of
select person from known_record where ws = $1 and id = $2;

-- name: apart
-- Whether two people are not the same: they have documents (CPF, CNPJ) and none in common, or a member keeps records of
-- theirs apart. $1 ws, $2 and $3 people
with theirs as (select id, person from known_record where ws = $1 and person in ($2, $3)),
doc as (
  select r.person, k.key from theirs r join known_key k on k.ws = $1 and k.record_id = r.id
  where k.key like 'cpf_cnpj:%')
select exists (select 1 from doc where person = $2) and exists (select 1 from doc where person = $3)
  and not exists (select 1 from doc x join doc y on y.key = x.key where x.person = $2 and y.person = $3)
  or exists (
    select 1 from kept_apart k join theirs x on x.id = k.a join theirs y on y.id = k.b
    where k.ws = $1 and k.lifted is null and x.person <> y.person);

-- name: bind
insert into bond (ws, a, b, why, value, at)
values ($1, least($2::bigint, $3::bigint), greatest($2::bigint, $3::bigint), $4, $5, $6)
on conflict do nothing;

-- name: merge_records
update known_record set person = $2 where ws = $1 and person = $3;

-- name: merge_person
update person set merged = $2 where ws = $1 and (id = $3 or merged = $3);

-- name: document
-- $12: the run that made it, 0: none did
insert into document as d (ws, conn, document, name, url, sender, state, rank, sent_at, completed_at, told, run_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (ws, conn, document) do update set
  name = case when excluded.name <> '' and (excluded.told >= d.told or d.name = '') then excluded.name else d.name end,
  url = case when excluded.url <> '' and (excluded.told >= d.told or d.url = '') then excluded.url else d.url end,
  sender = case when excluded.sender <> '' and (excluded.told >= d.told or d.sender = '') then excluded.sender
                else d.sender end,
  state = case when excluded.rank > d.rank then excluded.state else d.state end,
  rank = greatest(d.rank, excluded.rank), sent_at = least(d.sent_at, excluded.sent_at),
  completed_at = greatest(d.completed_at, excluded.completed_at), told = greatest(d.told, excluded.told),
  run_id = greatest(d.run_id, excluded.run_id)
returning run_id;

-- name: undraft
-- Whom a draft named and who was changed before it was sent: somebody of that name was told otherwise, or was taken
-- after all, or all have signed. $4: how far a document is then
delete from document_recipient r where r.ws = $1 and r.conn = $2 and r.document = $3 and r.rank < 0 and (
  exists (select 1 from document d where d.ws = $1 and d.conn = $2 and d.document = $3 and d.rank >= $4)
  or exists (
    select 1 from document_recipient o where o.ws = $1 and o.conn = $2 and o.document = $3
      and (o.rank >= 0 or (o.rank > r.rank and r.email = '')) and o.name <> '' and lower(o.name) = lower(r.name)));

-- name: recipient
insert into document_recipient as d (ws, conn, document, recipient, record_id, name, email, state, rank, sent_at,
  opened_at, ended_at, told)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (ws, conn, document, recipient) do update set
  record_id = coalesce(excluded.record_id, d.record_id),
  name = case when excluded.name <> '' then excluded.name else d.name end,
  email = case when excluded.email <> '' then excluded.email else d.email end,
  state = case when excluded.rank > d.rank then excluded.state else d.state end,
  rank = greatest(d.rank, excluded.rank), sent_at = least(d.sent_at, excluded.sent_at),
  opened_at = least(d.opened_at, excluded.opened_at), ended_at = least(d.ended_at, excluded.ended_at),
  told = greatest(d.told, excluded.told);

-- name: document_event
insert into document_event (ws, conn, document, event_id, state, recipient) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing;

-- name: forget_records
delete from known_record k using workspace w
where w.id = k.ws and (k.told < (select vv_now()) - make_interval(days => w.retention_days)
  or k.conn in (select id from connection where removed < (select vv_now()) - interval '30 days'));

-- name: forget_news
-- Of a workspace whose news is not noted.
delete from news n using workspace w where w.id = n.ws
  and n.run_id < (extract(epoch from (select vv_now()) - make_interval(days => w.retention_days)) * 1000)::bigint << 22;

-- name: forget_documents
delete from document d using workspace w
where w.id = d.ws and (d.told < (select vv_now()) - make_interval(days => w.retention_days)
  or d.conn in (select id from connection where removed < (select vv_now()) - interval '30 days'));

-- name: forget_fields
-- What was told longer ago than the history is kept, and not since.
update known_record k set fields = (
  select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(k.fields) where (value ->> 1)::float8 >= w.since)
from (select id, extract(epoch from vv_now() - make_interval(days => retention_days))::float8 as since from workspace) w
where w.id = k.ws and exists (select 1 from jsonb_each(k.fields) where (value ->> 1)::float8 < w.since);

-- name: forget_old_keys
delete from known_key k using workspace w
where w.id = k.ws and k.told < (select vv_now()) - make_interval(days => w.retention_days);

-- name: forget_document_events
delete from document_event h using workspace w
where w.id = h.ws and h.event_id <
  (extract(epoch from (select vv_now()) - make_interval(days => w.retention_days)) * 1000)::bigint << 22;

-- name: forget_people
delete from person p where not exists (select 1 from known_record r where r.ws = p.ws and r.person = p.id)
  and not exists (select 1 from person q join known_record r on r.ws = q.ws and r.person = q.id
                  where q.ws = p.ws and q.id = p.merged);

-- name: forget_names
update person p set name = vv_person_name(p.ws, p.id)
where p.merged is null and p.name <> vv_person_name(p.ws, p.id);

-- name: forget_merged_names
update person set name = '' where merged is not null and name <> '';

-- name: forget_changes
delete from identity_change c using workspace w
where w.id = c.ws and c.at < (select vv_now()) - make_interval(days => w.retention_days);
