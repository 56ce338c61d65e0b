#!/usr/bin/env bash
# Builds what manifests are checked with from the Go module proxy, and makes the schemas of what Kubernetes and the definitions of
# the other APIs say of themselves, once into the shared cache, and prints the folder: kubeconform, kube-score, `schemas` and `score`
# of this folder; schema/VERSION of the oldest and the newest Kubernetes, schema/custom of the other APIs.
set -euo pipefail
cd "$(dirname "$0")"
control_plane=../control-plane

newest=$(sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' "$control_plane/go.mod")
sources=$(grep -v '^#' sources)
sources+=$'\n'"$(grep -F "k8s.io/kubernetes $newest h1:" "$control_plane/go.sum") api/openapi-spec/swagger.json"
pins=$({ echo "$sources"; cat tools.sh go.* ./*/*.go; } | sha256sum)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools
tools=$cache/check-children-${pins::16}
if [ -d "$tools" ]; then
	echo "$tools"
	exit
fi

# The file of a module, whose content is what the sum says.
file_of() {
	local module=$1 version=$2 sum=$3 file=$4 answer
	answer=$(cd "$new" && GOWORK=off go mod download -json "$module@$version") || {
		echo "$answer" >&2
		return 1
	}
	grep -qF "\"Sum\": \"$sum\"" <<<"$answer" || {
		echo "$module $version is not what hack/check-children/sources says" >&2
		return 1
	}
	echo "$(sed -n 's|^\t"Dir": "\(.*\)",$|\1|p' <<<"$answer")/$file"
}

echo "making the tools that check manifests (two minutes, once)" >&2
mkdir -p "$cache"
new=$(mktemp -d "$cache/.check-children.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
	go build -trimpath -o "$new/" tool ./schemas ./score
while read -r module version sum file; do
	folder=custom
	[ "$module" != k8s.io/kubernetes ] || folder=$version
	path=$(file_of "$module" "$version" "$sum" "$file")
	"$new/schemas" "$new/schema/$folder" "$path"
done <<<"$sources"
# Another one may have been faster.
mv -T "$new" "$tools" 2>/dev/null || [ -d "$tools" ]
echo "$tools"
