-- Drop one day of finished jobs. Locks both tables for a moment; gives up when it would have to wait.
select duly.prune_day(:day::date, duly.now() - make_interval(days => :keep_days::integer)) as carried
