#!/usr/bin/env bash
# Makes the image archives of what runs as pods in the cluster: images.sh TOOLS writes them to TOOLS/images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=settings.sh
. ./settings.sh
tools=$1
pins=$(cat "$tools/.pins" images.sh image.sh "$(command -v busybox)" | sha256sum)
[ "$(cat "$tools/images/.pins" 2>/dev/null)" != "$pins" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$tools/images"
mkdir "$tools/images"

# program NAME TAG: an image with just this program.
program() {
	mkdir "$work/$1"
	cp "$tools/$1" "$work/$1/$1"
	./image.sh "localhost/shop-cluster/$1:$2" 65532:65532 "$work/$1" "$tools/images/$1.tar" "/$1"
}
program pause 1
program coredns "$(version_of github.com/coredns/coredns)"
program metrics-server "$(version_of sigs.k8s.io/metrics-server)"
program local-path-provisioner "$(version_of github.com/rancher/local-path-provisioner)"

# Makes the folders of volumes; and for tests, who has a shell in a pod.
mkdir -p "$work/busybox/bin" "$work/busybox/tmp"
chmod 1777 "$work/busybox/tmp"
cp "$(command -v busybox)" "$work/busybox/bin/busybox"
for applet in $(busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$work/busybox/bin/$applet"
done
./image.sh "localhost/shop-cluster/busybox:1" 0:0 "$work/busybox" "$tools/images/busybox.tar" /bin/sh
echo "$pins" >"$tools/images/.pins"
