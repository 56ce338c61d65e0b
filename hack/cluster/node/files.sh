# The file system as a node sees it; read by its first process.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

# own_files FOLDER KUBERNETES_TOOLS TOOLS SCRIPTS: what a node writes in fixed places of the machine is its own and goes with it.
own_files() {
	# Volumes that the kubelet mounts are seen by containers: they share mounts, but not with the machine.
	mount --make-rshared /
	local parts=(/run/node /run/kubernetes /run/tools /run/scripts) sources=("$@") part
	# Held open by a mount elsewhere first: any of them may lie where the node gets something of its own.
	local hold
	hold=$(mktemp -d)
	mount -t tmpfs -o mode=755 tmpfs "$hold"
	for part in 0 1 2 3; do
		mkdir "$hold/$part"
		mount --bind "${sources[part]}" "$hold/$part"
	done
	for folder in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
	for part in 0 1 2 3; do
		mkdir -p "${parts[part]}"
		mount --bind "$hold/$part" "${parts[part]}"
		# Sharing with where it came from, too, would show every mount in there twice.
		mount --make-private "${parts[part]}"
		mount --make-shared "${parts[part]}"
	done
	umount --recursive "$hold"
	rmdir "$hold"
}

# The kubelet insists on these, which are the machine's, not the node's: it is shown what it wants to see.
own_kernel_settings() {
	local setting value
	mkdir -p /run/kernel-settings
	while read -r setting value; do
		echo "$value" >"/run/kernel-settings/${setting//\//.}"
		mount --bind "/run/kernel-settings/${setting//\//.}" "/proc/sys/$setting"
	done <<-END
		vm/overcommit_memory 1
		vm/panic_on_oom 0
		kernel/panic 10
		kernel/panic_on_oops 1
		kernel/keys/root_maxkeys 1000000
		kernel/keys/root_maxbytes 25000000
	END
}

# reserved_memory: all but this node's part of what the machine has, in mebibytes.
reserved_memory() {
	local total
	total=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
	# 2 GiB for the control plane and for whoever tests.
	echo "$((total - (total - 2048) / NODES))Mi"
}
