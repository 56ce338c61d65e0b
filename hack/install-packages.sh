#!/usr/bin/env bash
# Installs Debian packages, as root, and keeps them from starting what they would start, on the well-known ports, now and at the
# next boot. Says nothing unless it fails. Usage: hack/install-packages.sh PACKAGE…
set -euo pipefail
log=$(mktemp)
own_policy=
trap 'rm -f "$log" $own_policy' EXIT
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	own_policy=$policy
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
before=$(ls /etc/systemd/system/*.wants 2>/dev/null || true)
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}
if command -v systemctl >/dev/null; then
	# What was not enabled before is not now.
	comm -13 <(sort <<<"$before") <(ls /etc/systemd/system/*.wants 2>/dev/null | sort) | grep -E '\.(service|socket)$' |
		xargs -r systemctl disable --quiet >/dev/null 2>&1 || true
fi
