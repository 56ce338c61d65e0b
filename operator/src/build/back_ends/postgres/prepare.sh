# Runs before the server whenever its pod starts.
set -euo pipefail
data=/var/lib/postgresql/data/pgdata new=/var/lib/postgresql/data/new port=5433
if [ -e "$data" ]; then
	exit 0
fi

# The image makes the cluster and its root while the server listens to nobody, then starts it on the port that is named. That
# happens in a folder of its own, which is moved into place when it is complete: what was interrupted before is begun anew.
rm -rf "$new"
PGDATA=$new docker-entrypoint.sh postgres -c listen_addresses=127.0.0.1 -c port="$port" &
server=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
	kill -0 "$server"
	sleep 0.2
done
kill -INT "$server"
wait "$server"
mv "$new" "$data"
