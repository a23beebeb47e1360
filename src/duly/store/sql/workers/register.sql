-- Let a worker in: from now on it must send heartbeats. Its id is never reused.
insert into duly.worker (name, slots, queues, job_types)
values (:name::text, :slots::integer, :queues::text[], :job_types::text[])
returning id
