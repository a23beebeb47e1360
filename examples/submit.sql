-- Submitting in SQL: the job is there when your transaction commits, and never was when it rolls back.

create table if not exists customer (name text primary key);

begin;
insert into customer (name) values ('Ada') on conflict do nothing;
select duly.enqueue('greet', '{"name": "Ada"}', queue => 'default', tags => array['welcome']);
commit;

begin;
select duly.enqueue('greet', '{"name": "Nobody"}', tags => array['welcome']);
rollback;

-- What became of it, for people who look with SQL:
select id, job_type, status, attempts, last_error from duly.jobs where 'welcome' = any(tags);
