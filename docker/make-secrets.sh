#!/bin/sh
# Makes the secrets that docker-compose.yml reads, below ./secrets; a file that stands is never changed.
# The folder keeps others out. The files themselves are read by accounts inside the containers.
set -eu
cd "$(dirname "$0")/../secrets"
chmod 700 .

make() {
    [ -s "$1" ] || { printf '%s\n' "$2" >"$1" && chmod 644 "$1"; }
}
random() {
    # Letters and digits only: they stand in URLs.
    LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"
}

make django_key "$(random 64)"
for name in superuser owner app broker; do
    make "${name}_password" "$(random 40)"
done
make owner_database_url "postgres://casehub_owner:$(cat owner_password)@postgres:5432/casehub"
make database_url "postgres://casehub_app:$(cat app_password)@postgres:5432/casehub"
make broker_url "redis://:$(cat broker_password)@valkey:6379/0"
