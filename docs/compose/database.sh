#!/bin/sh
# Run once by the postgres image on an empty volume: DocPort's own role, which owns its database and
# is no superuser. btree_gist is a trusted extension, so the owner can create it.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=password="$DOCPORT_PASSWORD" <<'SQL'
CREATE ROLE docport LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE docport OWNER docport;
REVOKE ALL ON DATABASE docport FROM PUBLIC;
SQL
