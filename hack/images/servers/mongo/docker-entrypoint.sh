#!/bin/bash
# Makes the root user when there is no data, then becomes the command. Variables: MONGO_INITDB_ROOT_USERNAME,
# MONGO_INITDB_ROOT_PASSWORD or MONGO_INITDB_ROOT_PASSWORD_FILE.
set -euo pipefail

[ "${1:-}" = mongod ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
	chown -R mongodb:mongodb /data/db /data/configdb
	exec setpriv --reuid mongodb --regid mongodb --init-groups "$0" "$@"
fi

# The folder of the data, and the command without what a server for itself must not do: be a member, ask who comes, be reached.
dbpath=/data/db
alone=()
arguments=("$@")
for ((at = 0; at < ${#arguments[@]}; at++)); do
	case ${arguments[at]} in
	--dbpath)
		dbpath=${arguments[at + 1]}
		alone+=("${arguments[at]}")
		;;
	--dbpath=*)
		dbpath=${arguments[at]#*=}
		alone+=("${arguments[at]}")
		;;
	--replSet | --keyFile | --bind_ip | --port) at=$((at + 1)) ;;
	--auth | --bind_ip_all | --replSet=* | --keyFile=* | --bind_ip=* | --port=*) ;;
	*) alone+=("${arguments[at]}") ;;
	esac
done

if [ -n "${MONGO_INITDB_ROOT_USERNAME:-}" ] && [ ! -e "$dbpath/WiredTiger" ]; then
	password=${MONGO_INITDB_ROOT_PASSWORD:-}
	[ -z "${MONGO_INITDB_ROOT_PASSWORD_FILE:-}" ] || password=$(<"$MONGO_INITDB_ROOT_PASSWORD_FILE")
	[ -n "$password" ] || {
		echo "no password: set MONGO_INITDB_ROOT_PASSWORD_FILE or MONGO_INITDB_ROOT_PASSWORD" >&2
		exit 1
	}
	port=27117
	"${alone[@]}" --bind_ip 127.0.0.1 --port "$port" &
	server=$!
	until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		kill -0 "$server"
		sleep 0.2
	done
	MONGO_INITDB_ROOT_PASSWORD=$password mongosh --quiet --port "$port" admin --eval '
		const { MONGO_INITDB_ROOT_USERNAME: user, MONGO_INITDB_ROOT_PASSWORD: pwd } = process.env;
		db.createUser({ user, pwd, roles: [{ role: "root", db: "admin" }] });'
	kill -TERM "$server"
	wait "$server"
fi
# It asks who comes; with a key file it does anyway.
if [ -n "${MONGO_INITDB_ROOT_USERNAME:-}" ] && [[ " $* " != *" --auth "* && " $* " != *" --keyFile"* ]]; then
	set -- "$@" --auth
fi
unset MONGO_INITDB_ROOT_PASSWORD
exec "$@"
