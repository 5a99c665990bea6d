-- What a read of a record answered whose own limit lets it be read only now and then: for as long as it may not be
-- read again, it serves whoever asks the same (`answers.py`). `name` is the record in its limit, `what` the call.
create table kept_answer (
  conn int not null, name text not null, what bytea not null, at timestamptz not null, until timestamptz not null,
  status smallint not null, content bytea not null, primary key (conn, name));
create index kept_answer_until on kept_answer (until);
