#!/usr/bin/env bash
# The first process of a node, in process, mount and network namespaces of its own: when it ends, all of the node ends, pods too,
# and with its mounts nothing of it is left. Usage: init.sh NUMBER KUBERNETES_TOOLS TOOLS
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../settings.sh
. "$here/settings.sh"
# shellcheck source=../keep-running.sh
. "$here/keep-running.sh"
# shellcheck source=files.sh
. "$here/node/files.sh"
number=$1 kubernetes_tools=$2 tools=$3
name=$(node_name "$number")
hostname "$name"

own_files "$state/$name" "$kubernetes_tools" "$tools" "$here"
here=/run/scripts
own_kernel_settings
cd /run/node
mkdir -p cni/bin cni/conf "flex-volumes/shopplatform.io~growing" kubelet logs volumes
# Of a node that was without power.
rm -f -- *.sock
ln -sf /usr/lib/cni/{host-local,loopback,ptp} /run/tools/network-policy cni/bin/
ln -sf "$here/node/flex-volume.sh" "flex-volumes/shopplatform.io~growing/growing"
for file in containerd.toml kubelet.yaml cni.conflist; do
	sed -e "s|@NAME@|$name|; s|@PODS@|$(node_pods "$number")|; s|@CLUSTER@|$cluster|; s|@DNS@|$dns_address|; s|@RESERVED@|$(reserved_memory)|" \
		"$here/node/$file" >"$file"
done
mv cni.conflist cni/conf/

keep_running containerd containerd --config /run/node/containerd.toml
until [ -S containerd.sock ]; do sleep 0.05; done
# Before there is a kubelet: whoever misses an image waits for ten seconds before it looks again.
for archive in /run/tools/images/*.tar; do
	ctr --address /run/node/containerd.sock --namespace k8s.io images import "$archive" >>logs/images.log 2>&1
done

keep_running network-policy /run/tools/network-policy enforce --node "$name" \
	--kubeconfig /run/node/kubeconfig-network-policy --socket /run/node/network-policy.sock
keep_running kubelet /run/kubernetes/kubelet --config /run/node/kubelet.yaml --kubeconfig "/run/node/kubeconfig-system-node-$name" \
	--hostname-override "$name" --node-ip "$(node_address "$number")" --node-labels "topology.kubernetes.io/zone=zone-$number" \
	--root-dir /run/node/kubelet --cert-dir /run/node/kubelet/certificates
keep_running kube-proxy /run/kubernetes/kube-proxy --kubeconfig /run/node/kubeconfig-system-kube-proxy --hostname-override "$name" \
	--proxy-mode nftables --cluster-cidr "$pods_network" --nodeport-addresses primary --metrics-bind-address 127.0.0.1:10249 \
	--conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0 --oom-score-adj 0
wait
