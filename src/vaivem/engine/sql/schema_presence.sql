-- How a worker's end is known before its lease is over: the machine it runs on, and the file that it keeps locked
-- there (`presence.py`). Empty: by its lease alone.
alter table worker add mark text not null default '';
alter table worker drop born;
