#!/usr/bin/env bash
# Gives the kind cluster that kubectl's context names metrics of its pods, which autoscaling goes by: metrics-server as in
# hack/cluster, built from its Go module once into the shared cache (three minutes on two cores). No image registry is asked.
# Usage: hack/kind/metrics.sh      KIND_CLUSTER=shop: the name of the cluster
set -euo pipefail
cd "$(dirname "$0")/../cluster"
# shellcheck source=../cluster/settings.sh
. ./settings.sh
../ensure-tools.sh jq
version=$(version_of sigs.k8s.io/metrics-server)
folder=$cache/tools/metrics-server-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -x "$folder/metrics-server" ]; then
	command -v go >/dev/null || fail "metrics-server is built with Go 1.26 or newer: please install it and run this again."
	echo "building metrics-server $version (three minutes, once)" >&2
	CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' go build -trimpath \
		-ldflags "-s -w -X sigs.k8s.io/metrics-server/pkg/version.gitVersion=v$version" \
		-o "$work/metrics-server" sigs.k8s.io/metrics-server/cmd/metrics-server
	mkdir -p "$folder"
	# Whole or not there.
	mv "$work/metrics-server" "$folder/.new.$$"
	mv "$folder/.new.$$" "$folder/metrics-server"
fi
mkdir "$work/image"
cp "$folder/metrics-server" "$work/image/"
./image.sh "localhost/shop-cluster/metrics-server:$version" 65532:65532 "$work/image" "$work/image.tar" /metrics-server
kind load image-archive --name "${KIND_CLUSTER:-shop}" "$work/image.tar"
sed "s|@METRICS_SERVER@|$version|" add-ons/metrics.yaml | kubectl apply --server-side --filename - >/dev/null
kubectl --namespace kube-system rollout status --timeout=120s deployment/metrics-server >/dev/null
kubectl wait --for=condition=Available --timeout=60s apiservice/v1beta1.metrics.k8s.io >/dev/null
