-- Writes of runs of the past that one call of a vendor takes together (`bulk.py`, `bulk_batches.py`).
-- batch: the call that it goes with. told: what became of the record (JSON null: its run writes by itself), null while that
-- is not known; the record itself is dropped then. A row stays until its run is over.
create table bulk_write (
  ws int not null, run_id bigint not null, n int not null, conn int not null, key text not null,
  lane bigint not null, record text not null, at timestamptz not null, batch bigint, told text, primary key (ws, run_id, n));
create index bulk_write_gathering on bulk_write (conn, key) where batch is null and told is null;
create index bulk_write_under_way on bulk_write (batch) where told is null;
-- One call. name: what the vendor calls it, once it has taken it. look: when a worker looks after it next; one that does
-- moves that on first, so no other does as well.
create table bulk_batch (
  id bigint generated always as identity primary key, ws int not null, conn int not null, key text not null,
  made timestamptz not null, look timestamptz not null, tries int not null default 0, name text not null default '',
  sent timestamptz);
create index bulk_batch_look on bulk_batch (look);
