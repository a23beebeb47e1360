-- The live job that holds a unique key. Index: unique_key_pkey.
select job_id from duly.unique_key where key = :unique_key::text
