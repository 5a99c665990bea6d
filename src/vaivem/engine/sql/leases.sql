-- name: register
insert into worker (id, until, host, pid, mark)
values (nextval('worker_seq'), now() + make_interval(secs => $1), $2, $3, $4) returning id;

-- name: beat
update worker set until = now() + make_interval(secs => $2) where id = $1 returning id;

-- name: marked
select id from worker where mark = any($1::text[]);

-- name: late
-- Other workers that are about to be buried for their lease alone. $1 worker, $2 seconds, $3 marks of this machine
select id, pid, mark from worker
where id <> $1 and until < now() - make_interval(secs => $2) and mark like $3;

-- The three statements of a takeover go out as one message, with numbers in place of their parameters.

-- name: clamp
-- Leases that the clock made longer than any can be: it went back. Who lives renews its own. $1 worker, $2 seconds
update worker w set until = now() + make_interval(secs => $2) from (
  select id from worker where id <> $1 and until > now() + 2 * make_interval(secs => $2) for update skip locked) x
where w.id = x.id;

-- name: expire
-- Waits for that worker's statements in flight, then fences it for good. $1 workers whose process is gone, $2 seconds
-- for what others handed to the network
delete from worker where until < now() - make_interval(secs => $2) or id = any($1::bigint[]);

-- name: take_over
-- The owners that are gone are found first, as a list. Asked of each lane, "has its owner no row?" is not asked again of
-- a lane that another worker freed and claimed before it could be locked here, and a living worker would lose it.
with o as materialized (
  select ws, key from lane
  where owner = any(array(
    select distinct l.owner from lane l
    where l.owner is not null and not exists (select 1 from worker x where x.id = l.owner)))
  order by ws, key for update skip locked)
update lane l set state = 1, owner = null, recover = true, prio = 9 from o where l.ws = o.ws and l.key = o.key;

-- name: bury
delete from worker where mark = any($1::text[]);

-- name: leave
delete from worker where id = $1;

-- name: give_back
update lane set state = 1, owner = null, recover = true where owner = $1;
