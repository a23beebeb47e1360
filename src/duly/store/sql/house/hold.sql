-- Take a duty that nobody holds, or hold it longer. A row comes back for the holder only.
-- Locks the duty's row.
insert into duly.leader as leader (duty, holder, held_until)
values (:duty::text, :holder::text, now() + make_interval(secs => :seconds::float8))
on conflict (duty) do update
  set holder = excluded.holder, held_until = excluded.held_until
  where leader.holder = excluded.holder or leader.held_until < now()
returning holder
