#!/usr/bin/env bash
# Holds compose.yaml to the Compose specification: with Docker Compose where it is, else with the library it is made of, built
# once into the shared cache where there is Go. A machine that has neither says so and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v2.16.2
tool=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/compose-go-$version/cmd

if docker compose version >/dev/null 2>&1; then
	docker compose config --quiet
elif [ -x "$tool" ] || command -v go >/dev/null; then
	[ -x "$tool" ] || GOBIN=$(dirname "$tool") go install "github.com/compose-spec/compose-go/v2/cmd@$version"
	"$tool" compose.yaml >/dev/null
else
	echo "WARNING: neither Docker Compose nor Go is here: compose.yaml was NOT checked" >&2
	exit 0
fi
echo "compose.yaml is valid"
