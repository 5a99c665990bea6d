-- The data plane's tables. Applied by a Django migration; see docs/engine.md for the protocol.
-- Ids of events, runs and rejected deliveries are 64-bit and time-ordered (engine/ids.py), so an id is at
-- once the key, the cursor, the sort order and the partition key.

-- Time is read in one place, so that a test can let days pass: every statement uses vv_now(), leases alone
-- use the real clock.
create table clock (one bool primary key default true check (one), shift interval not null default '0');
insert into clock (shift) values ('0');
create function vv_now() returns timestamptz language sql stable parallel safe as
  $$ select clock_timestamp() + shift from clock $$;

create sequence node_seq;
create sequence worker_seq;

-- Hot tables: rows come and go.

-- One row per worker process incarnation: the lease, and the fence of everything that the worker writes.
create table worker (
  id bigint primary key, until timestamptz not null, host text not null, pid int not null,
  born double precision not null, started timestamptz not null default now());

-- What was delivered before (guarantee 2). until: when it is forgotten; null for as long as history is kept and
-- never under 30 days. conn < 0: a rule that starts once for a key (conn = -rule).
create table seen (
  ws int not null, conn int not null, key bytea not null, event_id bigint not null, until timestamptz,
  primary key (ws, conn, key));

-- One row per lane with work: one rule and one source record. state: 1 ready, 2 owned, 3 its rule is paused.
create table lane (
  ws int not null, key bigint not null, rule int not null, gate int not null, tail bigint not null,
  state smallint not null, prio smallint not null default 0, due timestamptz not null, owner bigint,
  recover bool not null default false, primary key (ws, key))
  with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
create index lane_ready on lane (gate, prio desc, due) where state = 1;
create index lane_owner on lane (owner) where owner is not null;
create index lane_rule on lane (rule);

-- The pending runs of a lane, in order.
create table item (
  ws int not null, lane bigint not null, seq bigint not null, run_id bigint not null, event_id bigint not null,
  rule int not null, version int not null, primary key (ws, lane, seq))
  with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
create index item_run on item (ws, run_id);
create index item_event on item (event_id);

-- "This write is about to happen." Present without its step row: in doubt.
create table intent (
  ws int not null, run_id bigint not null, n int not null, owner bigint not null, at timestamptz not null,
  primary key (ws, run_id, n))
  with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

-- Who may find or create this record now. Ends with the outcome, never by time.
create table claim (
  ws int not null, conn int not null, object text not null, key text not null, run_id bigint not null,
  primary key (ws, conn, object, key))
  with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
create index claim_run on claim (run_id);

-- What a run that has begun and not finished waits for, as people read it.
-- state: retry, held (reconnect), limit, claim, wait (a wait step), decision, doubt (settling).
create table pending (
  ws int not null, run_id bigint not null, lane bigint not null, event_id bigint not null, rule int not null,
  version int not null, conn int not null default 0, state text not null, code text not null,
  params jsonb not null default '{}', since timestamptz not null, due timestamptz, tries int not null default 0,
  worked double precision not null default 0, primary key (ws, run_id));
create index pending_list on pending (ws, state, run_id desc);

-- What waits for a person, and what was answered.
-- kind: doubt (was this write done?), choice (which of these records?).
create table decision (
  ws int not null, id bigint not null, run_id bigint not null, event_id bigint not null, rule int not null,
  conn int not null, slot text not null, kind text not null, question jsonb not null, asked timestamptz not null,
  answer jsonb, answered timestamptz, answered_by int, primary key (ws, id), unique (ws, run_id, slot));
create index decision_open on decision (ws, id desc) where answer is null;

-- A connection's gate: lanes behind a closed gate are not looked at.
-- state: 0 open, 1 paused (the vendor is down; probed at closed_until), 2 held (reconnect), 3 limit until closed_until.
-- probed: one lane was let through a paused gate, and has until then to find the vendor up or down.
create table gate (
  conn int primary key, ws int not null, state smallint not null default 0, closed_until timestamptz, probed timestamptz,
  fails int not null default 0, since timestamptz, code text not null default '', params jsonb not null default '{}');
insert into gate (conn, ws) values (0, 0);

-- The call budget of a connection: a token bucket per limit.
create table bucket (
  conn int not null, name text not null, rate double precision not null, cap double precision not null,
  tokens double precision not null, at timestamptz not null, closed_until timestamptz, primary key (conn, name))
  with (fillfactor = 50);

-- A match key and the record that it stands for at a connection.
create table link (
  ws int not null, conn int not null, object text not null, key text not null, record_id text not null,
  run_id bigint not null, at timestamptz not null, primary key (ws, conn, object, key));
create index link_record on link (ws, conn, object, record_id);

-- Deliveries that could not be taken. state: 0 waits, 1 taken after a fix, 2 dismissed.
create table rejected (
  ws int not null, id bigint not null, conn int not null, code text not null, params jsonb not null default '{}',
  status smallint not null, method text not null, path text not null, query text not null, headers bytea not null,
  body bytea not null, state smallint not null default 0, primary key (ws, id));

-- Small facts of the installation: when it was last alive, what chores did last.
create table fact (name text primary key, value jsonb not null, at timestamptz not null);

-- History: append-only, a partition a week (vv_make_partitions).

-- A thing that happened, as received. items: how many runs it made.
create table event (
  ws int not null, id bigint not null, conn int not null, kind text not null, object text not null,
  record text not null, title text not null, occurred timestamptz, bulk bool not null default false,
  items smallint not null, part smallint not null default 0, method text not null, path text not null,
  query text not null, headers bytea not null, body bytea not null, primary key (ws, id))
  partition by range (id);
create index event_unused on event (ws, id desc) where items = 0;

-- A rule applied to an event, written once when it ends.
-- status: 1 done, 2 failed, 3 nothing to do (filtered, skipped), 4 stopped by a person.
create table run (
  ws int not null, id bigint not null, event_id bigint not null, rule int not null, version int not null,
  status smallint not null, code text not null default '', params jsonb, records jsonb, calls smallint not null,
  tries int not null default 0, finished timestamptz not null, replay_of bigint, primary key (ws, id))
  partition by range (id);
create index run_event on run (ws, event_id);
create index run_rule on run (ws, rule, id desc);
create index run_ended on run (ws, status, id desc) where status <> 1;

-- One exchange with a vendor, or one thing a run waited for or was told. n = place of the rule's step * 1000 + its
-- calls; write: a repeat must be safe; done: final for this n. known: what the claim before it gave.
create table step (
  ws int not null, run_id bigint not null, n int not null, try smallint not null, step text not null,
  name text not null, conn int not null, write bool not null, done bool not null, known text, method text not null,
  url text not null, status smallint not null, request bytea, response bytea, code text not null default '',
  ms int not null, at timestamptz not null, primary key (ws, run_id, n, try))
  partition by range (run_id);

-- What an event is found by: hashes of normalised people, documents, numbers, records.
create table term (
  ws int not null, hash bigint not null, event_id bigint not null, primary key (ws, hash, event_id))
  partition by range (event_id);

create function vv_make_partitions(from_time timestamptz, to_time timestamptz) returns int language plpgsql as $$
declare
  week constant bigint := 604800000;
  low bigint; name text; made int := 0; t text;
begin
  perform pg_advisory_xact_lock(8221, 1);
  for w in floor(extract(epoch from from_time) * 1000 / week)::bigint .. floor(extract(epoch from to_time) * 1000 / week)::bigint loop
    low := (w * week) << 22;
    foreach t in array array['event', 'run', 'step', 'term'] loop
      name := t || '_w' || w;
      if to_regclass(name) is null then
        execute format('create table %I partition of %I for values from (%s) to (%s)', name, t, low, ((w + 1) * week) << 22);
        made := made + 1;
      end if;
    end loop;
  end loop;
  return made;
end $$;
select vv_make_partitions(now() - interval '14 days', now() + interval '14 days');
