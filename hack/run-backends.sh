#!/usr/bin/env bash
# The shop as five processes on real servers, on one machine without containers: `make run-backends`. Run under
# `test-servers`, which starts MongoDB, PostgreSQL and RabbitMQ, names them in TEST_…_URL and removes them at the end.
#
# BIN is the folder with the binaries, SHOP_DATA (default ./shop-backends) the folder for keys, passwords and mails.
set -euo pipefail
: "${BIN:?the folder with the binaries}" "${TEST_MONGODB_URL:?run this under test-servers}"
DATA=${SHOP_DATA:-./shop-backends}
services=(user product order notification)

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
	local service=$1 store
	case $service in
		user | product) store="$(at "$mongodb" "$service")/$service?authSource=$service&$options" ;;
		order | notification) store="$(at "$postgres" "$service")/$service" ;;
	esac
	shift
	$replacing env STORE_URL="$store" SHOP__STORE__PASSWORD_FILE="$DATA/secrets/$service/store-password" \
		BROKER_URL="$(at "$amqp" "$service")" SHOP__BROKER__PASSWORD_FILE="$DATA/secrets/$service/broker-password" \
		"$@"
}

for service in "${services[@]}"; do
	with_settings "$service" "$BIN/$service" migrate
done

pids=()
end() {
	trap '' INT TERM
	[ "${#pids[@]}" -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
	wait
}
trap end EXIT
trap 'exit 0' INT TERM

# In the place of its shell: a signal to the shell would not reach it.
start() {
	{ replacing=exec; "$@"; } &
	pids+=("$!")
}
start with_settings user env SHOP__KEYS__SIGNING_KEY="$DATA/secrets/user/signing-key.pem" SHOP__HTTP__TRUSTED_HOPS=1 \
	SHOP__BOOTSTRAP_ADMIN__EMAIL=admin@shop.example \
	SHOP__BOOTSTRAP_ADMIN__PASSWORD_FILE="$DATA/secrets/user/admin-password" "$BIN/user"
start with_settings product "$BIN/product"
start with_settings order "$BIN/order"
start with_settings notification env SHOP__MAILDIR="$DATA/mail" "$BIN/notification"
start exec "$BIN/gateway"

for service in user product order notification gateway; do
	until "$BIN/$service" health 2>/dev/null; do
		# One that ended has said why.
		for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || exit 1; done
		sleep 0.2
	done
done
cat <<BANNER

The shop runs as five processes on MongoDB, PostgreSQL and RabbitMQ.
  API            http://127.0.0.1:3000   (documentation: http://127.0.0.1:3000/docs)
  administrator  admin@shop.example, password in $DATA/admin-password
  mails          $DATA/mail
  try it         SHOP_DATA=$DATA make demo
Ctrl-C ends it; the servers and their data go with it.
BANNER
wait -n || true
echo "one of the five processes ended; the others are ended too" >&2
exit 1
