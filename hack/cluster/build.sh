#!/usr/bin/env bash
# Brings everything that the cluster is made of: packages of Debian, Kubernetes, the programs beside it, their images. Prints the
# folder of Kubernetes and that of the rest. Twelve minutes on two cores when nothing is there, instant when all is.
# With --built it only says, by its exit code, whether that was ever done here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ "${1:-}" = --built ]; then
	# shellcheck source=settings.sh
	. ./settings.sh
	exec test -e "$cache/tools/cluster/images/.pins"
fi
./packages.sh
# All of it in one folder, not in part where KUBEBUILDER_ASSETS says.
kubernetes=$(KUBEBUILDER_ASSETS='' ../control-plane/build.sh etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kube-proxy)
tools=$(./tools.sh)
./images.sh "$tools"
echo "$kubernetes"
echo "$tools"
