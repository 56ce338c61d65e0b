#!/usr/bin/env bash
# The first process of the control plane, in a process namespace of its own: when it ends, all of it ends.
# Usage: init.sh KUBERNETES_TOOLS TOOLS FOLDER ADDRESS SERVICES_NETWORK
set -euo pipefail
tools=$1 more_tools=$2 folder=$3 address=$4 services=$5
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$folder"
mkdir -p logs "flex-volumes/shopplatform.io~growing"
ln -sf "$here/node/flex-volume.sh" "flex-volumes/shopplatform.io~growing/growing"
# shellcheck source=../keep-running.sh
. "$here/keep-running.sh"

# What is killed loses nothing by not waiting for the disk, only a machine that loses power does.
keep_running etcd "$tools/etcd" --name=etcd --data-dir=etcd --unsafe-no-fsync --log-level=warn \
	--listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
	--listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
	--initial-cluster=etcd=http://127.0.0.1:2380

# A node that is lost is noticed, and its pods are moved, within a minute: as set here and below.
keep_running kube-apiserver "$tools/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
	--advertise-address="$address" --secure-port=6443 --tls-cert-file=apiserver.crt --tls-private-key-file=apiserver.key \
	--client-ca-file=ca.crt --token-auth-file=tokens.csv \
	--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
	--service-account-issuer=https://kubernetes.default.svc.cluster.local \
	--service-account-key-file=service-accounts.pub --service-account-signing-key-file=service-accounts.key \
	--service-cluster-ip-range="$services" --profiling=false \
	--kubelet-client-certificate=kubelet-client.crt --kubelet-client-key=kubelet-client.key \
	--kubelet-preferred-address-types=InternalIP \
	--proxy-client-cert-file=front-proxy-client.crt --proxy-client-key-file=front-proxy-client.key \
	--requestheader-client-ca-file=front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client \
	--requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
	--requestheader-extra-headers-prefix=X-Remote-Extra- --enable-aggregator-routing=true \
	--default-not-ready-toleration-seconds=20 --default-unreachable-toleration-seconds=20

until "$tools/kubectl" --kubeconfig kubeconfig-administrator get --raw /readyz >/dev/null 2>&1; do sleep 0.1; done

# Scaling by load is seen within a minute too.
keep_running kube-controller-manager "$tools/kube-controller-manager" \
	--kubeconfig=kubeconfig-system-kube-controller-manager --use-service-account-credentials=true --leader-elect=false \
	--service-account-private-key-file=service-accounts.key --root-ca-file=ca.crt \
	--cluster-signing-cert-file=ca.crt --cluster-signing-key-file=ca.key --profiling=false --bind-address=127.0.0.1 \
	--node-monitor-grace-period=20s --node-monitor-period=2s --pvclaimbinder-sync-period=5s \
	--horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-downscale-stabilization=30s \
	--horizontal-pod-autoscaler-cpu-initialization-period=30s --horizontal-pod-autoscaler-initial-readiness-delay=10s \
	--flex-volume-plugin-dir="$folder/flex-volumes"
keep_running kube-scheduler "$tools/kube-scheduler" \
	--kubeconfig=kubeconfig-system-kube-scheduler --leader-elect=false --profiling=false --bind-address=127.0.0.1
# Where the nodes' disks are within reach.
keep_running growing-volumes "$more_tools/growing-volumes" --kubeconfig kubeconfig-growing-volumes --nodes "$folder/.."

wait
