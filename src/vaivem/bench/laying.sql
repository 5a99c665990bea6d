-- Rows as the engine leaves them. $1 first, $2 last number, $3 workspace, $4 connection, $5 body, $6 headers, $7 rule

-- name: history
with base as (
  select floor(extract(epoch from clock_timestamp() - interval '10 days') * 1000)::bigint as ms),
n as (
  select i, ((base.ms + (i::bigint * 863) % 863000000) << 22) | ((i / 1000000) * 16 + 1) as id
  from base, generate_series($1::int, $2::int) i),
e as (
  insert into event (ws, id, conn, kind, object, record, title, occurred, bulk, items, part, method, path, query,
                     headers, body)
  select $3, id, $4, 'document_signed', 'document', 'laid-' || i, 'Contrato ' || i, now(), false, 1, 0, 'POST', '', '',
         convert_to($6, 'UTF8'), convert_to(replace($5, '@@', lpad(i::text, 6, '0')), 'UTF8')
  from n),
r as (
  insert into run (ws, id, event_id, rule, version, status, code, params, records, calls, finished)
  select $3, id + 1, id, $7, 1, 1, '', '{}',
         jsonb_build_array(jsonb_build_object('conn', $4::text, 'object', 'deal', 'id', i::text, 'did', 'created')), 3, now()
  from n),
s as (
  insert into step (ws, run_id, n, try, step, name, conn, write, done, method, url, status, request, response, code, ms, at)
  select $3, id + 1, 1000 * k, 1, 'contact', 'contacts.find', $4, k > 1, true, 'POST',
         'http://127.0.0.1/contacts?email=pessoa.' || i, 200,
         convert_to('{"name": "Ágata Conceição de Souza", "email": "pessoa.' || i || '@exemplo.com.br"}', 'UTF8'),
         convert_to('{"id": ' || i || '}', 'UTF8'), '', 3, now()
  from n, generate_series(1, 3) k)
insert into term (ws, hash, event_id)
select $3, hashtextextended(i || ':' || k, 7), id from n, generate_series(1, 5) k on conflict do nothing

-- name: backlog
with base as (select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as ms),
n as (
  -- A thousand rows share their low bits, and one statement lays all of them: two that run side by side
  -- read the clock in either order.
  select i, ((base.ms + ((i - 1) % 1000)) << 22) | (1023 << 12) | (2 * ((i - 1) / 1000) % 4096) as id
  from base, generate_series($1::int, $2::int) i),
s as (
  insert into seen (ws, conn, key, event_id) select $3, $4, sha256(convert_to('laid' || i, 'UTF8')), id from n),
e as (
  insert into event (ws, id, conn, kind, object, record, title, occurred, bulk, items, part, method, path, query,
                     headers, body)
  select $3, id, $4, 'document_signed', 'document', 'back-' || lpad(i::text, 6, '0'), 'Contrato ' || i, now(), false, 1,
         0, 'POST', '', '', convert_to($6, 'UTF8'), convert_to(replace($5, '@@', lpad(i::text, 6, '0')), 'UTF8')
  from n),
l as (
  insert into lane (ws, key, rule, gate, tail, state, prio, due)
  select $3, hashtextextended('back' || i, 11), $7, $4, 1, 1, 5, vv_now() from n)
insert into item (ws, lane, seq, run_id, event_id, rule, version)
select $3, hashtextextended('back' || i, 11), 1, id + 1, id, $7, 1 from n

-- name: clear_lanes
delete from lane where state = 1

-- name: clear_items
delete from item i where not exists (select 1 from lane l where l.ws = i.ws and l.key = i.lane)
