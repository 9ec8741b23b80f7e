#!/bin/sh
# Runs once, when the database is made, after roles.sql: gives the two logins their passwords from files.
set -eu
owner=$(cat /run/secrets/owner_password)
app=$(cat /run/secrets/app_password)
psql -v ON_ERROR_STOP=1 -v owner="$owner" -v app="$app" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
ALTER ROLE casehub_owner PASSWORD :'owner';
ALTER ROLE casehub_app PASSWORD :'app';
SQL
