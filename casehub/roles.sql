-- The logins and roles that casehub lives by, for any PostgreSQL from 15 on; may be run again at any time.
-- Run by a superuser: by casehub/embedded.py, and by the container of docker-compose at its first start.
-- It sets no password (a role without one can't sign in with scram) and makes no table and no policy.
SET client_min_messages = warning;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['casehub_owner', 'casehub_app', 'casehub_reporter', 'casehub_linker', 'casehub_shredder'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
        END IF;
    END LOOP;
END $$;

-- Owns the tables and runs the migrations. CREATEDB is for test databases. Row security is forced on it too.
ALTER ROLE casehub_owner LOGIN CREATEDB INHERIT NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- What the web process and the worker sign in as. Holds the rights of the roles below only after SET ROLE.
ALTER ROLE casehub_app LOGIN NOINHERIT NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- Put on for one transaction each: counting across agencies, linking records, forgetting who clients were.
ALTER ROLE casehub_reporter NOLOGIN NOINHERIT NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE casehub_linker NOLOGIN NOINHERIT NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE casehub_shredder NOLOGIN NOINHERIT NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;

DO $$
BEGIN
    -- From version 16 on, the grant itself says whether it is inherited; before, NOINHERIT above says so.
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT casehub_reporter, casehub_linker, casehub_shredder TO casehub_app WITH INHERIT FALSE, SET TRUE';
    ELSE
        GRANT casehub_reporter, casehub_linker, casehub_shredder TO casehub_app;
    END IF;
    -- The database, where it is there already (the container makes it before this file runs).
    IF EXISTS (SELECT FROM pg_database WHERE datname = 'casehub') THEN
        ALTER DATABASE casehub OWNER TO casehub_owner;
    END IF;
END $$;
