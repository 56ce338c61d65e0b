#!/usr/bin/env bash
# A FlexVolume driver, called by the kubelet: each volume is a file with an XFS in it, mounted once per node and then in each pod.
# XFS, since that grows while it is mounted. The control plane asks it too, before a volume grows, and has nothing to do then.
# https://github.com/kubernetes/community/blob/master/contributors/devel/sig-storage/flexvolume.md
set -euo pipefail
folder=/run/node/growing

answer() {
	jq --null-input --compact-output --arg status "$1" --arg message "${2:-}" '{status: $status, message: $message}'
}
trap 'answer Failure "${0##*/} $*: $(tail -n 3 "$log" 2>/dev/null)"' ERR
log=$(mktemp)
trap 'rm -f "$log"' EXIT

option() { jq --raw-output --arg name "$1" '.[$name] // ""' <<<"$2"; }

# make_and_mount VOLUME BYTES: once per node.
make_and_mount() {
	mkdir -p "$folder/$1"
	mountpoint -q "$folder/$1" && return
	if [ ! -e "$folder/$1.img" ]; then
		truncate --size "$2" "$folder/$1.new"
		mkfs.xfs -q "$folder/$1.new"
		mv "$folder/$1.new" "$folder/$1.img"
	fi
	mount -o loop "$folder/$1.img" "$folder/$1"
}

# In no pod any more.
unmount_unused() {
	[ "$(findmnt --noheadings --output TARGET --source "$(findmnt --noheadings --output SOURCE "$folder/$1")" | wc -l)" -gt 1 ] ||
		umount "$folder/$1"
}

case ${1:-} in
mount | unmount | expandfs)
	mkdir -p "$folder"
	exec 9>>"$folder/.lock"
	flock 9
	;;
esac
case ${1:-} in
init)
	echo '{"status": "Success", "capabilities": {"attach": false, "fsGroup": true, "requiresFSResize": true, "supportsMetrics": true}}'
	exit
	;;
mount) # FOLDER OPTIONS
	volume=$(option kubernetes.io/pvOrVolumeName "$3")
	{
		make_and_mount "$volume" "$(option size "$3")"
		mkdir -p "$2"
		mount --bind "$folder/$volume" "$2"
	} >"$log" 2>&1
	;;
unmount) # FOLDER
	{
		! mountpoint -q "$2" || umount "$2"
		! mountpoint -q "$folder/${2##*/}" || unmount_unused "${2##*/}"
	} >"$log" 2>&1
	;;
expandvolume) ;;
expandfs) # OPTIONS DEVICE FOLDER BYTES BYTES_BEFORE
	volume=$(option kubernetes.io/pvOrVolumeName "$2")
	{
		truncate --size ">$5" "$folder/$volume.img"
		losetup --set-capacity "$(findmnt --noheadings --output SOURCE "$folder/$volume")"
		xfs_growfs "$folder/$volume"
	} >"$log" 2>&1
	;;
*)
	answer "Not supported"
	exit
	;;
esac
answer Success
