#!/usr/bin/env bash
# The CI gate: instructions and allocations per request at the gateway under callgrind, ±3 % of bench/gateway-instructions.json.
# With --update the file is written instead: commit it with the change that explains it.
# The gateway is built with the profile `gate` (Cargo.toml): a release with thin LTO, which takes a third of the time.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}

command -v valgrind >/dev/null || {
	echo "The gate needs valgrind: please install it, or run \`make bench-gate\` as root." >&2
	exit 1
}
cargo build --locked --quiet --profile gate -p gateway
cargo build --locked --quiet -p bench --bin gateway-instructions
"$CARGO_TARGET_DIR/debug/gateway-instructions" "$CARGO_TARGET_DIR/gate/gateway" bench/gateway-instructions.json "$@"
