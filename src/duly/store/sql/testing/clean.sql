-- Forget every job, event and worker of a database that is for tests, and set its clock right.
-- Whoever is connected is cut off first, so that nobody adds to what the next test finds. What was
-- read of the events counts no more: another history begins.
select pg_terminate_backend(pid, 5000)
from pg_stat_activity
where datname = current_database() and usename = current_user and pid <> pg_backend_pid();
delete from duly.ready;
delete from duly.scheduled;
delete from duly.running;
delete from duly.job;
delete from duly.attempt;
delete from duly.log;
delete from duly.progress;
delete from duly.unique_key;
delete from duly.idempotency;
delete from duly.worker;
delete from duly.leader;
delete from duly.event;
with gone as (
  delete from duly.event_tick returning tick, base, n
)
insert into duly.event_tick (tick, base, n, snap)
select tick + 1, base + n, 0, pg_current_snapshot()
from gone
order by tick desc
limit 1;
update duly.event_epoch
set
  epoch = left(encode(uuid_send(gen_random_uuid()), 'hex'), 8),
  history = duly.history(pg_current_xact_id()::xid);
create or replace function duly.now() returns timestamptz
language sql stable parallel safe
as $$ select now() $$
