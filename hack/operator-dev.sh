#!/usr/bin/env bash
# The operator at work on a machine without a cluster: runs it against the private control plane that KUBECONFIG names, applies
# the minimal example, and shows the platform until Ctrl-C. Nodes, volumes and pods are played: no shop answers.
# `make operator-dev` starts it.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${OPERATOR:?the program of the operator}"
namespace=shop

kubectl wait --for=condition=Established --timeout=30s crd/shopplatforms.shopplatform.io >/dev/null
kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f - >/dev/null

"$OPERATOR" run --admin-host 127.0.0.1 --admin-port "${ADMIN_PORT:-9010}" &
operator=$!
trap 'kill $operator 2>/dev/null; wait $operator 2>/dev/null || true' EXIT

kubectl --namespace "$namespace" apply -f "${MANIFEST:-examples/minimal.yaml}"
printf '\nIn another terminal: export KUBECONFIG=%s; kubectl -n %s describe shop. Ctrl-C ends it.\n\n' "$KUBECONFIG" "$namespace"
kubectl --namespace "$namespace" get shop --watch
