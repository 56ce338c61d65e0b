#!/usr/bin/env bash
# The shop as five processes on real servers, on one machine without containers: `make run-backends`. Run under
# `test-servers`, which starts MongoDB, PostgreSQL and RabbitMQ, names them in TEST_…_URL and removes them at the end.
#
# BIN is the folder with the binaries, SHOP_DATA (default ./shop-backends) the folder for keys, passwords and mails,
# SHOP_PORT (default 3000) the gateway's port: the others have the next four, and admin ports are 6000 above.
set -euo pipefail
: "${BIN:?the folder with the binaries}" "${TEST_MONGODB_URL:?run this under test-servers}"
DATA=${SHOP_DATA:-./shop-backends}
PORT=${SHOP_PORT:-3000}
services=(user product order notification)
declare -A port_of=([gateway]=$PORT [user]=$((PORT + 1)) [product]=$((PORT + 2)) [order]=$((PORT + 3)) [notification]=$((PORT + 4)))

# Whoever listens there would be taken for the shop.
for service in "${!port_of[@]}"; do
	for port in "${port_of[$service]}" "$((port_of[$service] + 6000))"; do
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo "port $port, which $service would listen at, is taken: end what listens there (another shop?), or name other ports as SHOP_PORT=4000" >&2
			exit 1
		fi
	done
done

# The servers begin empty every time, so what belongs to them does too. Never somebody's folder with a shop in it.
if [ -e "$DATA" ] && [ ! -e "$DATA/.run-backends" ]; then
	echo "$DATA would be emptied, and was not made by make run-backends; remove it, or name another folder as SHOP_DATA" >&2
	exit 1
fi
rm -rf "$DATA"
mkdir -p "$DATA/mail"
touch "$DATA/.run-backends"
DATA=$(cd "$DATA" && pwd)
"$BIN/shopctl" secrets --folder "$DATA/secrets" >/dev/null
ln -s secrets/user/admin-password "$DATA/admin-password"

vhost=shop
amqp=${TEST_AMQP_URL%/*}/$vhost
postgres=${TEST_POSTGRES_URL%/*}
mongodb=${TEST_MONGODB_URL%%/\?*}
options=${TEST_MONGODB_URL##*\?}

# at URL USER: the same server for a service's own user.
at() { printf '%s' "$1" | sed -E "s#://([^@/]*@)?#://$2@#"; }

export SHOP__LOG__FORMAT=human
provision=(BROKER_URL="$amqp" SHOP__BROKER_API__URL="$TEST_RABBITMQ_API_URL"
	SHOP__POSTGRES__URL="$TEST_POSTGRES_URL" SHOP__MONGODB__URL="$TEST_MONGODB_URL")
for service in "${services[@]}"; do
	section=SHOP__SERVICES__${service^^}
	provision+=("${section}__PASSWORD_FILE=$DATA/secrets/$service/store-password"
		"${section}__BROKER_PASSWORD_FILE=$DATA/secrets/$service/broker-password")
done
env "${provision[@]}" "$BIN/shopctl" provision >/dev/null

# with_settings SERVICE COMMAND: with the settings that the service has in containers, too.
replacing=
with_settings() {
	local service=$1 port=${port_of[$1]} user=http://127.0.0.1:${port_of[user]} store= each variables
	shift
	variables=(SHOP__HTTP__PORT="$port" SHOP__HTTP__ADMIN_PORT="$((port + 6000))")
	case $service in
		user | product) store="$(at "$mongodb" "$service")/$service?authSource=$service&$options" ;;
		order | notification) store="$(at "$postgres" "$service")/$service" ;;
	esac
	if [ -n "$store" ]; then
		variables+=(STORE_URL="$store" SHOP__STORE__PASSWORD_FILE="$DATA/secrets/$service/store-password"
			BROKER_URL="$(at "$amqp" "$service")" SHOP__BROKER__PASSWORD_FILE="$DATA/secrets/$service/broker-password")
	fi
	[ "$service" = user ] || variables+=(SHOP__AUTH__JWKS="$user/.well-known/jwks.json")
	[ "$service" != order ] || variables+=(SHOP__USER_SERVICE__URL="$user")
	if [ "$service" = gateway ]; then
		for each in "${services[@]}"; do
			variables+=("SHOP__UPSTREAMS__${each^^}__URL=http://127.0.0.1:${port_of[$each]}"
				"SHOP__UPSTREAMS__${each^^}__ADMIN_URL=http://127.0.0.1:$((port_of[$each] + 6000))")
		done
	fi
	$replacing env "${variables[@]}" "$@"
}

for service in "${services[@]}"; do
	with_settings "$service" "$BIN/$service" migrate
done

pids=() signalled=
any_runs() {
	local pid
	for pid in "${pids[@]}"; do ! kill -0 "$pid" 2>/dev/null || return 0; done
	return 1
}
end() {
	trap '' INT TERM
	# `test-servers` passes a signal on to everybody, and a second one would end them before they have finished.
	if [ -n "$signalled" ]; then
		for _ in {1..400}; do any_runs && sleep 0.1 || break; done
	fi
	[ "${#pids[@]}" -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
	wait
}
trap end EXIT
trap 'signalled=yes; exit 0' INT TERM

# In the place of its shell: a signal to the shell would not reach it. Out of reach of the terminal's Ctrl-C, which would be the
# second signal.
start() {
	{ replacing='exec setsid'; "$@"; } &
	pids+=("$!")
}
start with_settings user env SHOP__KEYS__SIGNING_KEY="$DATA/secrets/user/signing-key.pem" SHOP__HTTP__TRUSTED_HOPS=1 \
	SHOP__BOOTSTRAP_ADMIN__EMAIL=admin@shop.example \
	SHOP__BOOTSTRAP_ADMIN__PASSWORD_FILE="$DATA/secrets/user/admin-password" "$BIN/user"
start with_settings product "$BIN/product"
start with_settings order "$BIN/order"
start with_settings notification env SHOP__MAILDIR="$DATA/mail" "$BIN/notification"
start with_settings gateway "$BIN/gateway"

# One that ended has said why.
all_run() {
	local pid
	for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || exit 1; done
}

for service in user product order notification gateway; do
	until with_settings "$service" "$BIN/$service" health 2>/dev/null; do
		all_run
		sleep 0.2
	done
done
# Not somebody else, who was faster to take a port.
all_run
cat <<BANNER

The shop runs as five processes on MongoDB, PostgreSQL and RabbitMQ.
  API            http://127.0.0.1:$PORT   (documentation: http://127.0.0.1:$PORT/docs)
  administrator  admin@shop.example, password in $DATA/admin-password
  mails          $DATA/mail
  try it         SHOP_URL=http://127.0.0.1:$PORT SHOP_DATA=$DATA make demo
Ctrl-C ends it; the servers and their data go with it.
BANNER
wait -n || true
echo "one of the five processes ended; the others are ended too" >&2
exit 1
