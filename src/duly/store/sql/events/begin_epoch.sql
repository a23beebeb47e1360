-- Begin another history of events unless one has begun since this epoch.
select duly.begin_epoch(:epoch::text) as is_new
