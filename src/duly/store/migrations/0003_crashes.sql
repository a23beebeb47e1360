-- Whether the process of a worker crashed, as its supervisor saw, and how often that befell a job.

alter table duly.worker add column crashed boolean not null default false;

-- How often a worker has crashed while it had this job, since the job was made or last retried, the
-- crash of `last_worker` included; null when that one did not crash.
create function duly.crashes(job uuid, last_worker bigint) returns bigint
language sql stable
as $$
  select 1 + count(past.job_id)
  from duly.worker as last
  left join (
    duly.attempt as past
    inner join duly.worker as its_worker on its_worker.id = past.worker and its_worker.crashed
  )
    on past.job_id = crashes.job and past.outcome = 'rescue'
    and past.lease > coalesce(
      (
        select max(ended.lease) from duly.attempt as ended
        where ended.job_id = crashes.job and ended.status <> 'pending'
      ),
      0
    )
  where last.id = crashes.last_worker and last.crashed
  group by last.id
$$;
