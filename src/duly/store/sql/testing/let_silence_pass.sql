-- Let it be so many seconds longer since these workers were last heard.
update duly.worker
set heartbeat_at = heartbeat_at - make_interval(secs => :seconds::float8)
where id = any(:workers::bigint[])
