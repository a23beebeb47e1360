-- Whether the process of a worker crashed, as its supervisor saw, and how often that befell a job.

alter table duly.worker add column crashed boolean not null default false;

-- How often a worker has crashed while it had this job, since the job was made or last retried, the
-- crash of `last_worker` included; null when that one did not crash.
create function duly.crashes(job uuid, last_worker bigint) returns bigint
language plpgsql stable
as $$
begin
  perform from duly.worker where worker.id = crashes.last_worker and worker.crashed;
  if not found then
    return null;
  end if;
  return 1 + (
    select count(*)
    from duly.attempt
    inner join duly.worker on worker.id = attempt.worker and worker.crashed
    where attempt.job_id = crashes.job and attempt.outcome = 'rescue'
      and attempt.lease > coalesce(
        (
          select max(ended.lease) from duly.attempt as ended
          where ended.job_id = crashes.job and ended.status <> 'pending'
        ),
        0
      )
  );
end
$$;
