-- The lanes (queue and priority) that hold jobs now, in the order in which they are to be served.
-- Locks nothing. Index: ready_lane, one descent per lane.
with recursive lane as (
  (
    select queue, priority
    from duly.ready
    where :queues::text[] is null or queue = any(:queues::text[])
    order by queue, priority desc
    limit 1
  )
  union all
  select following.queue, following.priority
  from lane
  cross join lateral (
    select candidate.queue, candidate.priority
    from (
      (
        select queue, priority
        from duly.ready
        where queue = lane.queue and priority < lane.priority
        order by queue, priority desc
        limit 1
      )
      union all
      (
        select queue, priority
        from duly.ready
        where queue > lane.queue and (:queues::text[] is null or queue = any(:queues::text[]))
        order by queue, priority desc
        limit 1
      )
    ) as candidate
    limit 1
  ) as following
)
select queue, priority
from lane
order by priority desc, queue
