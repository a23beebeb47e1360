-- What never changes about jobs, for their events. Index: job_pkey.
select job.id, job.job_type, job.queue, job.tags
from duly.job as job
where job.id = any(:job_ids::uuid[])
