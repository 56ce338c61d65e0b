#!/usr/bin/env bash
# Runs a command against a RabbitMQ 4 of Debian trixie with throw-away data, for instance
# `hack/rabbitmq-4.sh cargo test -p messaging rabbitmq_`. As root; unpacked once into the shared cache (2 minutes).
set -euo pipefail
root=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/rabbitmq-4 home=/tmp/node-$$ port=$(shuf -i 30000-39000 -n 1)
[ -x "$root/usr/sbin/rabbitmq-server" ] || debootstrap --variant=minbase --include=rabbitmq-server trixie "$root"
mkdir "$root$home" && echo '[rabbitmq_management].' >"$root$home/plugins"
printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'management.tcp.ip = 127.0.0.1' "management.tcp.port = $((port + 1))" \
	'vm_memory_high_watermark.absolute = 1GB' 'disk_free_limit.absolute = 50MB' 'log.console = true' >"$root$home/rabbitmq.conf"
# It reads /proc, which is mounted for it alone.
setsid unshare --mount sh -c "mount -t proc proc '$root/proc' && exec chroot '$root' env -i PATH=/usr/bin:/usr/sbin HOME=$home \
	LANG=C.UTF-8 RABBITMQ_NODENAME=node@localhost RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf RABBITMQ_MNESIA_BASE=$home/data \
	RABBITMQ_ENABLED_PLUGINS_FILE=$home/plugins RABBITMQ_LOG_BASE=$home/logs RABBITMQ_DIST_PORT=$((port + 2)) \
	RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-start_epmd false -erl_epmd_port $((port + 2)) -sname node@localhost +sbwt none' \
	sh -c 'exec /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server'" >"$root$home/log" 2>&1 &
trap 'kill -KILL -- -$!; wait $! 2>/dev/null || true; rm -rf "${root:?}$home"' EXIT
export TEST_AMQP_URL="amqp://guest:guest@127.0.0.1:$port/%2f" TEST_RABBITMQ_API_URL="http://guest:guest@127.0.0.1:$((port + 1))"
curl -sf --retry 60 --retry-delay 1 --retry-all-errors -o /dev/null "$TEST_RABBITMQ_API_URL/api/overview" || {
	tail "$root$home/log"
	exit 1
}
"$@"
