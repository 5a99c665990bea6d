-- Records of two systems that are the same, or that came of one another, by what rules did: `record` was made or
-- changed for `of_record`. So one is found from the other when its address has changed, or it has none.
create table linked (
  ws int not null, conn int not null, object text not null, record text not null, of_conn int not null,
  of_object text not null, of_record text not null, at timestamptz not null,
  primary key (ws, conn, object, record, of_conn, of_object, of_record));
create index linked_of on linked (ws, of_conn, of_object, of_record);
