-- The days that have a partition of a kind (job or event), oldest first.
select day from duly.partition_days(:kind::text) as day
