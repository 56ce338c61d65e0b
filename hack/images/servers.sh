#!/usr/bin/env bash
# Builds stand-ins for the images of MongoDB, PostgreSQL and RabbitMQ under their official names, for machines that reach no image
# registry: PostgreSQL 17 and RabbitMQ 4.0 of Debian 13, and the mongod of the tests (6.0: the newest that a package registry has),
# which answers to the name `mongo:7.0` as well, because that is what platforms ask for.
set -euo pipefail
cd "$(dirname "$0")/../.."
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
export DOCKER_BUILDKIT=1
server() { # TARGET NAMES…
	local target=$1 name names=()
	shift
	for name in "$@"; do names+=(--tag "$name"); done
	hack/images/docker.sh build --quiet --network host --target "$target" "${names[@]}" "$context"
}
server postgres postgres:17
server rabbitmq rabbitmq:4.0-management
server mongo mongo:6.0 mongo:7.0
