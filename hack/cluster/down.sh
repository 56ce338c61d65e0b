#!/usr/bin/env bash
# Ends the cluster and removes all of it: processes, network and mounts (they are in namespaces of their own and go with their
# last process), cgroups, and all data but the programs and images in the cache.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
# shellcheck source=node/cgroups.sh
. "$here/node/cgroups.sh"
need_root
case $(ip netns identify $$) in
"$cluster"*) fail "This is running in the cluster's own network, which it would end: please run it outside." ;;
esac

# Everything that has the network of a node open; what is in pods ends with the first process of its node.
end_processes() {
	local namespace
	for namespace in $(namespaces); do
		# shellcheck disable=SC2046 # One word each.
		kill -KILL $(ip netns pids "$namespace") 2>/dev/null || true
	done
}
processes_are_there() {
	local namespace
	for namespace in $(namespaces); do
		[ -z "$(ip netns pids "$namespace")" ] || return 0
	done
	return 1
}

end=$((SECONDS + 60))
while processes_are_there; do
	[ "$SECONDS" -lt "$end" ] || fail "Processes of the cluster did not end within a minute: see \`ip netns pids\` of $(namespaces | xargs)."
	end_processes
	sleep 0.1
done
for namespace in $(namespaces); do ip netns delete "$namespace"; done
# The first network namespace with a name makes this mount.
if [ -d /run/netns ] && [ -z "$(ls /run/netns)" ]; then
	! mountpoint -q /run/netns || umount /run/netns
	rmdir /run/netns
fi
remove_cgroups
[ ! -e "$state" ] || rm -rf --one-file-system "${state:?}"
