#!/usr/bin/env bash
# Builds the optimised shop and measures it against the budgets of docs/performance.md.
# The shop is pinned to the cores of SHOP_CORES (default: the first), the load to those of LOAD_CORES (the second).
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}

cargo build --locked --quiet --release -p shop -p bench
taskset -c "${LOAD_CORES:-1}" "$CARGO_TARGET_DIR/release/bench" "$CARGO_TARGET_DIR/release/shop" "$@"
