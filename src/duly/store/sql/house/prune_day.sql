-- Drop one day of finished jobs. Locks both tables for a moment; gives up rather than wait.
select
  duly.prune_day(:day::date, duly.now() - make_interval(days => :keep_days::integer)) as carried
