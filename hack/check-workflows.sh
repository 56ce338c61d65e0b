#!/usr/bin/env bash
# Holds the workflows to what GitHub takes, by actionlint, built once into the shared cache where there is Go; and every action
# to a commit: a tag can be given to other code later.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v1.7.12
folder=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/actionlint-$version

loose=$(grep -nE '^\s*-?\s*uses:' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9]' || true)
if [ -n "$loose" ]; then
	printf 'pin these actions to a commit, with the version as a comment:\n%s\n' "$loose" >&2
	exit 1
fi
if [ ! -x "$folder/actionlint" ]; then
	command -v go >/dev/null || {
		echo "WARNING: Go is not here: the workflows were NOT checked" >&2
		exit 0
	}
	GOBIN=$folder CGO_ENABLED=0 GOFLAGS=-trimpath go install "github.com/rhysd/actionlint/cmd/actionlint@$version"
fi
"$folder/actionlint" -color=false
echo "the workflows are valid"
