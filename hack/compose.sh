#!/usr/bin/env bash
# `docker compose` for this project: the plug-in of Docker where it is, else the same program, built once into the shared cache
# where there is Go. Usage: hack/compose.sh up --detach
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's|^\tgithub.com/docker/compose/v2 \([^ ]*\).*|\1|p' "$here/hack/compose/go.mod")
tool=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/compose-$version/docker-compose

if docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
else
	if [ ! -x "$tool" ]; then
		command -v go >/dev/null || {
			echo "Docker Compose is not here: please install Docker's plug-in \`compose\`, or Go to build it." >&2
			exit 1
		}
		echo "building Docker Compose $version (some minutes, once)" >&2
		work=$(mktemp -d)
		trap 'rm -rf "$work"' EXIT
		(cd "$here/hack/compose" && CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' go build -trimpath \
			-ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$version" \
			-o "$work/docker-compose" github.com/docker/compose/v2/cmd)
		mkdir -p "$(dirname "$tool")"
		# Whole or not there.
		mv "$work/docker-compose" "$tool.$$"
		mv "$tool.$$" "$tool"
	fi
	compose=("$tool")
fi

files=(--file "$here/compose.yaml")
# Engines before 25 know no `start_interval`, and refuse it.
major=$(docker version --format '{{.Server.Version}}' | cut -d. -f1)
[ "$major" -ge 25 ] || files+=(--file "$here/hack/compose/before-25.yaml")
exec "${compose[@]}" "${files[@]}" "$@"
