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
orders() {
	docker exec "$($compose ps --quiet postgres)" psql --username postgres --dbname order --tuples-only --no-align \
		--command 'SELECT count(*), max(id::text) FROM orders'
}

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
SHOP_URL=http://127.0.0.1:$SHOP_PORT SHOP_DATA=$data examples/journey.sh
mails=$(docker run --rm --volumes-from "$($compose ps --quiet notification)" --entrypoint bash postgres:17 -c 'ls /mail/new | wc -l')
if [ "$mails" -lt 5 ]; then
	echo "the journey sends five mails or more, and $mails are in the volume" >&2
	exit 1
fi
before=$(orders)
$compose down --timeout 40
up
after=$(orders)
if [ "$before" != "$after" ]; then
	echo "orders before \`down\`: $before, after \`up\`: $after" >&2
	exit 1
fi
echo "orders are the same after \`down\` and \`up\`: $after"
SHOP_URL=http://127.0.0.1:$SHOP_PORT SHOP_DATA=$data examples/journey.sh | tail -1
$compose down --volumes --timeout 40
left=$(docker volume ls --quiet --filter "name=^${COMPOSE_PROJECT_NAME}_")
if [ -n "$left" ]; then
	echo "\`down --volumes\` left $left" >&2
	exit 1
fi
echo "compose: the journey was made, orders survived, nothing is left"
