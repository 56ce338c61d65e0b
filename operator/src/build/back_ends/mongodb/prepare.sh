# Runs before mongod whenever a member's pod starts.
set -euo pipefail
data=/data/db/mongod new=/data/db/new port=27018

# mongod wants the members' key to be its own and to be read by nobody else.
install -m 0400 /etc/shop/secrets/key-file /run/mongodb/key-file

# The cache takes half of what the pod may use beyond a gigabyte, and a quarter of a gigabyte at least. mongod would reckon the
# same, but older ones reckon with the memory of the node where limits are told by cgroups v2.
gigabyte=$((1 << 30))
cache=$(((MEMORY_LIMIT - gigabyte) / 2))
if [ "$cache" -lt $((gigabyte / 4)) ]; then
	cache=$((gigabyte / 4))
fi
printf 'storage: {wiredTiger: {engineConfig: {cacheSizeGB: %d.%02d}}}\n' \
	$((cache / gigabyte)) $((cache % gigabyte * 100 / gigabyte)) >/run/mongodb/mongod.conf

# The other members get everything from the first one, the root user as well.
if [ "${POD_NAME##*-}" != 0 ]; then
	mkdir -p "$data"
fi
if [ -e "$data" ]; then
	# A member looks once whether it is one of those in its set's list. One that finds that none of these names leads to it is no
	# member any more, and waits for another member to tell it otherwise: for ever, if it is the only one.
	await_own_name "$POD_NAME.$MEMBERS" 3
	exit 0
fi

# The image makes the root user while mongod listens to nobody else, then starts it on the port that is named. That happens in a
# folder of its own, which is moved into place when it is complete: what was interrupted before is begun anew.
rm -rf "$new"
mkdir "$new"
docker-entrypoint.sh mongod --dbpath "$new" --bind_ip 127.0.0.1 --port "$port" &
server=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
	kill -0 "$server"
	sleep 0.2
done
kill -TERM "$server"
wait "$server"
mv "$new" "$data"
