#!/usr/bin/env bash
# Makes sure that the tools the tests and the gate call are there: installs them when root on Debian, else names them.
set -euo pipefail
missing=()
for tool in curl jq valgrind cc; do
	command -v "$tool" >/dev/null || missing+=("$tool")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

packages=("${missing[@]/#cc/gcc}")
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}"
else
	echo "Please install: ${packages[*]}" >&2
	exit 1
fi
