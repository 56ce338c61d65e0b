# The cgroups of the cluster's pods, for cgroup v1 and v2; read by up.sh and down.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

# The roots of all hierarchies.
cgroup_roots() {
	findmnt --noheadings --raw --output TARGET --types cgroup,cgroup2
}

# make_cgroups NAME: /CLUSTER/NAME everywhere, with all controllers.
make_cgroups() {
	local root folder part file controller
	while read -r root; do
		folder=$root
		for part in "$cluster" "$1"; do
			# Version 2: what a group gives to the groups below it.
			for controller in $(cat "$folder/cgroup.controllers" 2>/dev/null); do
				echo "+$controller" >"$folder/cgroup.subtree_control" 2>/dev/null || true
			done
			mkdir -p "$folder/$part"
			# Version 1: a new group has no processors and no memory yet, and nobody gets into it.
			for file in cpuset.cpus cpuset.mems; do
				[ ! -e "$root/$file" ] || [ -e "$root/cgroup.controllers" ] || cat "$folder/$file" >"$folder/$part/$file"
			done
			folder+=/$part
		done
		# All pods together would get as little as one other process of the machine that is busy.
		for file in cpu.shares:10240 cpu.weight:1000; do
			[ ! -e "$root/$cluster/${file%:*}" ] || echo "${file#*:}" >"$root/$cluster/${file%:*}"
		done
	done < <(cgroup_roots)
	! grep -qs . /sys/fs/cgroup/cgroup.controllers || grep -qsw memory "/sys/fs/cgroup/$cluster/$1/cgroup.controllers" || fail \
		"The cgroups of pods cannot limit memory here: processes lie directly in the root cgroup of this container." \
		"Please run this on the machine itself, or use kind."
}

# Removes them, with all that containers left below: they are busy until the last process in them is gone.
remove_cgroups() {
	local root end=$((SECONDS + 60))
	while read -r root; do
		while [ -d "$root/$cluster" ]; do
			[ "$SECONDS" -lt "$end" ] || fail "$root/$cluster could not be removed within a minute."
			find "$root/$cluster" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
		done
	done < <(cgroup_roots)
}
