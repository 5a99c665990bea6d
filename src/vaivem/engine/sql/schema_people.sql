-- Who and what the events speak of, for the Records pages: noted behind the live path, and never read by it.

-- A person or a company across all systems. merged: into which one it went, when two turned out to be the same.
create table person (
  id bigint generated always as identity, ws int not null, kind text not null, name text not null default '',
  at timestamptz not null, merged bigint, primary key (ws, id));
create index person_newest on person (ws, at desc, id desc) where merged is null;

-- One of its records at a connection. person: null for a deal. fields: name -> [value or values, when it was told in
-- seconds of 1970]. told and event_id: the newest event.
create table known_record (
  id bigint generated always as identity, ws int not null, conn int not null, object text not null,
  record text not null, kind text not null, person bigint, fields jsonb not null default '{}',
  told timestamptz not null, event_id bigint not null,
  primary key (ws, id), unique (ws, conn, object, record));
create index known_record_person on known_record (ws, person);

-- What a record is known and found by, normalised: email:, cpf_cnpj:, phone:, code:, name: (a word), document: (a word).
create table known_key (
  ws int not null, key text collate "C" not null, record_id bigint not null, told timestamptz not null,
  primary key (ws, key, record_id),
  foreign key (ws, record_id) references known_record (ws, id) on delete cascade);
create index known_key_record on known_key (ws, record_id);

-- The events that told of a record.
create table heard (
  ws int not null, record_id bigint not null, event_id bigint not null, primary key (ws, record_id, event_id),
  foreign key (ws, record_id) references known_record (ws, id) on delete cascade);
create index heard_event on heard (ws, event_id);

-- Why two records are the same; a < b. why: the kind of key they share, link (a rule made one for the other), or member.
create table bond (
  id bigint generated always as identity, ws int not null, a bigint not null, b bigint not null, why text not null,
  value text not null default '', at timestamptz not null, change bigint, primary key (ws, id),
  unique (ws, a, b, why), check (a < b),
  foreign key (ws, a) references known_record (ws, id) on delete cascade,
  foreign key (ws, b) references known_record (ws, id) on delete cascade);
create index bond_b on bond (ws, b);

-- What a member said of links. records went from one person to the other: joined, or parted.
create table identity_change (
  id bigint generated always as identity, ws int not null, at timestamptz not null, member bigint, what text not null,
  person bigint not null, other bigint not null, records bigint[] not null, undone timestamptz, primary key (ws, id));

-- Records that a member keeps apart; a < b. lifted: by which later change it holds no more.
create table kept_apart (
  ws int not null, a bigint not null, b bigint not null, change bigint not null, lifted bigint,
  primary key (ws, a, b), check (a < b),
  foreign key (ws, a) references known_record (ws, id) on delete cascade,
  foreign key (ws, b) references known_record (ws, id) on delete cascade);
create index kept_apart_b on kept_apart (ws, b);

-- A document for signature; rank: how far it is, never lower.
create table document (
  ws int not null, conn int not null, document text not null, name text not null default '',
  url text not null default '', sender text not null default '', state text not null, rank smallint not null,
  sent_at timestamptz, completed_at timestamptz, told timestamptz not null, primary key (ws, conn, document));

create table document_recipient (
  ws int not null, conn int not null, document text not null, recipient text not null, record_id bigint,
  name text not null default '', email text not null default '', state text not null, rank smallint not null,
  sent_at timestamptz, opened_at timestamptz, ended_at timestamptz, told timestamptz not null,
  primary key (ws, conn, document, recipient),
  foreign key (ws, conn, document) references document on delete cascade);
create index document_recipient_record on document_recipient (ws, record_id);

-- The events that told of a document. recipient '': all of them.
create table document_event (
  ws int not null, conn int not null, document text not null, event_id bigint not null, state text not null,
  recipient text not null default '', primary key (ws, conn, document, event_id, recipient),
  foreign key (ws, conn, document) references document on delete cascade);

-- How far was noted, by workspace.
create table noted (ws int primary key, event_id bigint not null, linked timestamptz not null default '-infinity');
create index linked_at on linked (ws, at);

-- The name of a person: the one that was told last by any system, else its address, else ''.
create function vv_person_name(of_ws int, of_person bigint) returns text language sql stable as $$
  select coalesce((
    select left(r.fields -> named.key ->> 0, 200)
    from known_record r cross join (values (1, 'name'), (2, 'email')) named (place, key)
    where r.ws = of_ws and r.person = of_person and jsonb_typeof(r.fields -> named.key -> 0) = 'string'
    order by named.place, (r.fields -> named.key ->> 1)::float8 desc, r.id limit 1), '') $$;
