-- Delete a bounded number of jobs that outlived their day and have been finished for long enough.
select duly.prune_carried(
  duly.now() - make_interval(days => :keep_days::integer), :most::integer
) as gone
