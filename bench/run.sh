#!/usr/bin/env bash
# Builds the optimised shop and gateway and measures them against the budgets of docs/performance.md.
# The subject is pinned to the cores of SHOP_CORES (default: the first), load and upstream to those of LOAD_CORES (the second).
# Arguments choose parts: bench/run.sh ready list orders gateway. nginx is the gateway's rival: installed when root on Debian,
# and skipped with a word in the table if it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}

command -v nginx >/dev/null || hack/ensure-tools.sh nginx-light || echo "nginx is not there: its rows are skipped" >&2
cargo build --locked --quiet --release -p shop -p gateway -p bench
export SHOP_CORES=${SHOP_CORES:-0}
binaries="$CARGO_TARGET_DIR/release"
taskset -c "${LOAD_CORES:-1}" "$binaries/bench" "$binaries/shop" "$binaries/gateway" "$@"
