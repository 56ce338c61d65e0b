#!/usr/bin/env bash
# Checks the dependencies with cargo-deny, installing the pinned version into the shared cache once.
set -euo pipefail
version=0.20.2
root=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/cargo-deny-$version
cd "$(dirname "$0")/.."

if [ ! -x "$root/bin/cargo-deny" ]; then
	# A tool that runs for a second need not be optimised; its own build folder keeps ours small.
	CARGO_TARGET_DIR=$(mktemp -d)
	export CARGO_TARGET_DIR
	trap 'rm -rf "$CARGO_TARGET_DIR"' EXIT
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
		cargo install cargo-deny --version "$version" --locked --quiet --root "$root"
fi
"$root/bin/cargo-deny" --locked check bans licenses sources

# The advisory database is a git repository on another host: a machine that cannot reach it says so and goes on.
if "$root/bin/cargo-deny" --locked fetch db >/dev/null 2>&1; then
	"$root/bin/cargo-deny" --locked check advisories
else
	echo "WARNING: the advisory database cannot be reached from here: advisories were NOT checked" >&2
fi
