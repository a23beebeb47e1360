-- Make the partitions of yesterday, of today and of the coming days.
select duly.make_partitions(
  (duly.now() at time zone 'UTC')::date - 1, :days::integer + 2
) as made
