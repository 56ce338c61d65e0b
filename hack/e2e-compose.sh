#!/usr/bin/env bash
# The shop in containers: the image `shop` on its own, on a read-only root, and compose.yaml: from nothing to a delivered order,
# `down` and `up` keeps everything, `down -v` leaves nothing. Uses the images of `make images` (IMAGES, VERSION, as the Makefile has
# them); under a project name and port of its own, beside whatever runs.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/ensure-tools.sh curl jq
DOCKER_HOST=$(hack/images/engine.sh)
export DOCKER_HOST SHOP_IMAGES=${IMAGES:-ghcr.io/shop-platform} SHOP_VERSION=${VERSION:-0.1.0} COMPOSE_PROJECT_NAME=shop-e2e SHOP_PORT=${SHOP_PORT:-3900}
compose="hack/compose.sh --progress quiet"
data=$(mktemp -d)
alone=$COMPOSE_PROJECT_NAME-alone

finish() {
	local code=$?
	if [ "$code" -ne 0 ]; then
		$compose ps --all >&2 || true
		$compose logs --tail 30 >&2 || true
	fi
	$compose down --volumes --timeout 40 >/dev/null 2>&1 || true
	docker rm --force --volumes "$alone" >/dev/null 2>&1 || true
	rm -rf "$data"
	exit "$code"
}
trap finish EXIT

up() {
	local begin=$SECONDS
	$compose up --detach --wait --quiet-pull
	echo "up and healthy after $((SECONDS - begin)) s"
}
# What the customer of the journey sees of the shop, and how many mails were sent: something of each volume but RabbitMQ's.
seen() {
	local shop=http://127.0.0.1:$SHOP_PORT/api/v1 path
	# Once: who signs in more than ten times a minute is refused.
	[ -n "${token-}" ] || token=$(curl --silent --fail --json "{\"email\": \"ada-$run@example.com\", \"password\": \"correct horse battery staple\"}" "$shop/auth/login" | jq -er .access_token) || return 1
	for path in me orders me/notifications 'products?limit=100'; do
		curl --silent --fail --header "Authorization: Bearer $token" "$shop/$path" | jq --sort-keys . || return 1
	done
	echo "mails: $(docker run --rm --volumes-from "$($compose ps --quiet notification)" --entrypoint bash postgres:17 -c 'ls /mail/new | wc -l')"
}
# Mails and notifications come a moment after what they tell: the last notification of the journey is there, a mail for each, and
# as many of both as a moment ago, for administrators get mails too.
all_is_told() {
	seen >"$data/now" || return 1
	mv "$data/before" "$data/earlier"
	mv "$data/now" "$data/before"
	grep -q '"type": "order.delivered"' "$data/before" && cmp --silent "$data/before" "$data/earlier" || return 1
	[ "$(sed -n 's/^mails: //p' "$data/before")" -ge "$(grep -c '"type": "\(user\|order\)\.' "$data/before")" ]
}
run=compose-$$

for image in shop shopctl gateway user product order notification; do
	docker image inspect "$SHOP_IMAGES/$image:$SHOP_VERSION" >/dev/null 2>&1 || {
		echo "The image $SHOP_IMAGES/$image:$SHOP_VERSION is not there: make it by \`make images PREBUILT=1\`." >&2
		exit 1
	}
done
hack/images/servers.sh
docker run --detach --read-only --name "$alone" --publish "127.0.0.1:$SHOP_PORT:3000" \
	"$SHOP_IMAGES/shop:$SHOP_VERSION" >/dev/null
end=$((SECONDS + 60))
until curl --silent --fail --output /dev/null "http://127.0.0.1:$SHOP_PORT/healthz"; do
	[ "$SECONDS" -lt "$end" ] && docker inspect --format '{{.State.Running}}' "$alone" | grep -q true || {
		docker logs "$alone" >&2
		exit 1
	}
	sleep 0.1
done
docker cp "$alone:/data/admin-password" "$data/admin-password" >/dev/null
SHOP_URL=http://127.0.0.1:$SHOP_PORT SHOP_DATA=$data examples/journey.sh | tail -1
docker rm --force --volumes "$alone" >/dev/null

$compose down --volumes >/dev/null 2>&1 || true
up
$compose cp user:/secrets/admin-password "$data/admin-password" >/dev/null
# Mails are looked at after the journey: they are in a volume.
RUN=$run SHOP_URL=http://127.0.0.1:$SHOP_PORT SHOP_DATA=$data examples/journey.sh
touch "$data/before"
end=$((SECONDS + 60))
until all_is_told; do
	[ "$SECONDS" -lt "$end" ] || {
		echo "not all that the journey did was told within a minute:" >&2
		cat "$data/before" >&2
		exit 1
	}
	sleep 1
done
if [ "$(jq --slurp '[.[] | .data? // empty | length] | min' <(grep -v ^mails: "$data/before"))" -lt 1 ] ||
	[ "$(sed -n 's/^mails: //p' "$data/before")" -lt 5 ]; then
	echo "the journey leaves orders, notifications, products and five mails or more, and this is seen:" >&2
	cat "$data/before" >&2
	exit 1
fi
$compose down --timeout 40
up
# She signs in again.
token=
seen >"$data/after"
diff "$data/before" "$data/after" >&2 || {
	echo "the customer sees something else after \`down\` and \`up\`" >&2
	exit 1
}
echo "the customer's account, orders, notifications, products and mails are the same after \`down\` and \`up\`"
SHOP_URL=http://127.0.0.1:$SHOP_PORT SHOP_DATA=$data examples/journey.sh | tail -1
$compose down --volumes --timeout 40
left=$(docker volume ls --quiet --filter "name=^${COMPOSE_PROJECT_NAME}_")
if [ -n "$left" ]; then
	echo "\`down --volumes\` left $left" >&2
	exit 1
fi
echo "compose: the journey was made, everything survived, nothing is left"
