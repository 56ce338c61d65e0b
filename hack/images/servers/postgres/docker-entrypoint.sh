#!/bin/bash
# Makes the cluster when there is none, then becomes the command. Variables: POSTGRES_USER, POSTGRES_PASSWORD or
# POSTGRES_PASSWORD_FILE, POSTGRES_DB, POSTGRES_INITDB_ARGS, PGDATA.
set -euo pipefail

[ "${1:-}" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chmod 0700 "$PGDATA"
	# The volume may come as root's. What is there already is the server's own.
	[ -s "$PGDATA/PG_VERSION" ] || chown -R postgres:postgres "$PGDATA"
	# The password may be readable for root only.
	if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
		POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
		export POSTGRES_PASSWORD
		unset POSTGRES_PASSWORD_FILE
	fi
	exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	user=${POSTGRES_USER:-postgres}
	password=${POSTGRES_PASSWORD:-}
	[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(<"$POSTGRES_PASSWORD_FILE")
	[ -n "$password" ] || {
		echo "no password: set POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD" >&2
		exit 1
	}
	mkdir -p "$PGDATA"
	# shellcheck disable=SC2086 # arguments, as documented
	initdb --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
	printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
	sed -i "s/^#*listen_addresses = .*/listen_addresses = '*'/" "$PGDATA/postgresql.conf"
	if [ "${POSTGRES_DB:-$user}" != postgres ]; then
		pg_ctl --wait start -o '-c listen_addresses='
		PGPASSWORD=$password createdb --username="$user" "${POSTGRES_DB:-$user}"
		pg_ctl --wait --mode=fast stop
	fi
fi
unset POSTGRES_PASSWORD
exec "$@"
