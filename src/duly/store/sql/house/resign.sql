-- Give a duty up, so that another takes it at once.
delete from duly.leader where duty = :duty::text and holder = :holder::text
