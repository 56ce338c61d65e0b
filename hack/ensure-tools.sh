#!/usr/bin/env bash
# Makes sure that the named tools are there: installs them when root on Debian, else says which to install.
# Usage: hack/ensure-tools.sh curl jq
set -euo pipefail
missing=()
for tool in "$@"; do
	command -v "$tool" >/dev/null || missing+=("$tool")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
else
	echo "This needs ${missing[*]}: please install them and run this again." >&2
	exit 1
fi
