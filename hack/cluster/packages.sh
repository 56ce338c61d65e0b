#!/usr/bin/env bash
# Makes sure that the programs of a node that Debian has are there: installs them when root on Debian, without starting what
# they would start, else says which are missing.
set -euo pipefail
declare -A package_of=(
	[containerd]=containerd [ctr]=containerd [runc]=runc [/usr/lib/cni/ptp]=containernetworking-plugins
	[nft]=nftables [ip]=iproute2 [busybox]=busybox-static [openssl]=openssl [jq]=jq [pgrep]=procps
	[nsenter]=util-linux [mkfs.xfs]=xfsprogs [hostname]=hostname
)
declare -A missing=()
for program in "${!package_of[@]}"; do
	command -v "$program" >/dev/null || missing[${package_of[$program]}]=yes
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "The cluster needs ${!missing[*]}: please install these Debian packages (or their likes) and run this again." >&2
	exit 1
fi

echo "installing ${!missing[*]}" >&2
"$(dirname "$0")/../install-packages.sh" "${!missing[@]}"
