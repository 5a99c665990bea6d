-- A record that is kept for another one, and is nobody itself: a document at a contact.
alter table known_record add of_record bigint,
  add foreign key (ws, of_record) references known_record (ws, id) on delete cascade;
create index known_record_of on known_record (ws, of_record) where of_record is not null;
