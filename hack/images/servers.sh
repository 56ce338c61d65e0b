#!/usr/bin/env bash
# Makes sure that the images of MongoDB, PostgreSQL and RabbitMQ that platforms and compose.yaml ask for are there. What is there
# stays; what is not is pulled. Where that cannot be, as root on Debian, stand-ins are built under the official names: PostgreSQL
# 17 and RabbitMQ 4.0 of Debian 13, and the mongod of the tests (6.0: the newest that a package registry has) as `mongo:7.0`.
#
#   hack/images/servers.sh                  LOCAL_BASES=1 pulls nothing, and neither does the engine of hack/images/engine.sh,
#   hack/images/servers.sh postgres:17 …    which is there because there was none
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- mongo:7.0 postgres:17 rabbitmq:4.0-management
DOCKER_HOST=$(hack/images/engine.sh)
export DOCKER_HOST DOCKER_BUILDKIT=1

missing=()
for name; do
	docker image inspect "$name" >/dev/null 2>&1 && continue
	if [ -z "${LOCAL_BASES:-}" ] && [[ $DOCKER_HOST != */shop-platform-docker/* ]]; then
		docker pull --quiet "$name" >&2 && continue
	fi
	missing+=("$name")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "${missing[*]} cannot be pulled, and stand-ins are built as root only: load these images into Docker, and run this again." >&2
	exit 1
fi

echo "building stand-ins for ${missing[*]}" >&2
env -u TEST_MONGODB_URL -u TEST_POSTGRES_URL -u TEST_AMQP_URL hack/ensure-servers.sh
hack/images/local-bases.sh
# The shell comes from npm, fetched here: this machine knows which certificates to trust.
mongosh=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/mongosh-2.12.0
if [ ! -d "$mongosh" ]; then
	hack/ensure-tools.sh npm
	npm install --prefix "$mongosh.$$" --ignore-scripts --no-audit --no-fund --silent "mongosh@${mongosh##*-}"
	mv "$mongosh.$$" "$mongosh"
fi
mongod=$(find "${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools" -path '*mongod-*/mongod' | sort -V | tail -1)

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp -r hack/images/servers/. "$context/"
cp "$mongod" "$context/mongo/mongod"
cp -r "$mongosh" "$context/mongo/mongosh"
for name in "${missing[@]}"; do
	# The targets of its Dockerfile are called like the images.
	hack/images/docker.sh build --quiet --network host --target "${name%%:*}" --tag "$name" "$context"
done
