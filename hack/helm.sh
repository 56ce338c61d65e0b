#!/usr/bin/env bash
# Builds Helm from the Go module proxy, once into the shared cache (two minutes on two cores), and prints its path. It is the
# release's own code, but takes itself for one that knows Kubernetes 1.20 only: say --kube-version where no cluster is asked.
set -euo pipefail
version=3.22.0
folder=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/helm-$version

if [ ! -x "$folder/helm" ]; then
	command -v go >/dev/null || {
		echo "Helm $version is built with Go 1.26 or newer: please install it, and run this again." >&2
		exit 1
	}
	mkdir -p "$folder"
	exec 9>"$folder/.lock"
	flock 9
fi
# Who waited for the lock finds it done.
if [ ! -x "$folder/helm" ]; then
	echo "building Helm $version (two minutes, once)" >&2
	new=$(mktemp -d "$folder/.new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	GOBIN=$new CGO_ENABLED=0 GOWORK=off GOFLAGS=-buildvcs=false go install -trimpath \
		-ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=v$version" "helm.sh/helm/v3/cmd/helm@v$version" >&2
	# Whole or not there, also for somebody who starts it just now.
	mv "$new/helm" "$folder/helm"
fi
echo "$folder/helm"
