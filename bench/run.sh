#!/usr/bin/env bash
# Builds the optimised programs and measures them against the budgets of docs/performance.md.
# Arguments choose parts: bench/run.sh ready list orders gateway backends growth, which is what it does without any, or outage.
# The first four have the subject on the cores of SHOP_CORES (default: the first), load and upstream on those of LOAD_CORES (the
# second); in the others services, servers and load share all cores. PROFILE=dev is for trying the measurements themselves.
# nginx is the gateway's rival: installed when root on Debian, and skipped with a word in the table if it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}
profile=${PROFILE:-release}

packages=(bench)
case " ${*:-all} " in *" all "* | *" ready "* | *" list "* | *" orders "*) packages+=(shop) ;; esac
case " ${*:-all} " in *" all "* | *" gateway "*)
	packages+=(gateway)
	command -v nginx >/dev/null || hack/ensure-tools.sh nginx-light || echo "nginx is not there: its rows are skipped" >&2
	;;
esac
case " ${*:-all} " in *" all "* | *" backends "* | *" growth "* | *" outage "*)
	packages+=(gateway user product order notification)
	hack/ensure-servers.sh
	;;
esac
cargo build --locked --quiet --profile "$profile" "${packages[@]/#/-p}"
[ "$profile" != dev ] || profile=debug
exec "$CARGO_TARGET_DIR/$profile/bench" "$CARGO_TARGET_DIR/$profile" "$@"
