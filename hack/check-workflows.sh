#!/usr/bin/env bash
# Holds the workflows to what GitHub takes, by actionlint, built once into the shared cache where there is Go; every action to a
# commit: a tag can be given to other code later; and all scripts to what shellcheck warns of.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v1.7.12
folder=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/actionlint-$version

loose=$(grep -nE '^\s*-?\s*uses:' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9]|uses: \./' || true)
if [ -n "$loose" ]; then
	printf 'pin these actions to a commit, with the version as a comment:\n%s\n' "$loose" >&2
	exit 1
fi

if hack/ensure-tools.sh shellcheck; then
	# What others read has no `set -e` of its own (SC2164), and `local a= b` is meant so (SC1007).
	git ls-files -z '*.sh' .ci/run ':!crates' ':!operator' |
		xargs -0 shellcheck --severity warning --external-sources --source-path SCRIPTDIR --exclude SC2164,SC1007
	# These are compiled into programs, which give them to `sh` or `bash`.
	git ls-files -z 'crates/*.sh' | xargs -0 shellcheck --severity warning --shell dash
	git ls-files -z 'operator/*.sh' | xargs -0 shellcheck --severity warning --shell bash
	echo "the scripts are well"
else
	echo "WARNING: shellcheck is not here: the scripts were NOT checked" >&2
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
