#!/usr/bin/env bash
# What the release workflow does, with Docker's buildx, logged in at the registry of $IMAGES:
#
#   release.sh push 1.2.3 amd64             builds and pushes each image for this machine's architecture, with SBOM and provenance
#   release.sh together 1.2.3 amd64 arm64   gives the images of the architectures one name
#   release.sh chart 1.2.3                  packs and pushes the chart
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=(gateway user product order notification shop shopctl operator)
what=$1 version=$2
shift 2
# Names of images are in small letters, those of owners need not be.
IMAGES=${IMAGES,,}

# What is released says its own version, and the operator and the chart ask for images by it.
declared=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
if [ "$version" != "$declared" ]; then
	echo "the tag says $version, and Cargo.toml $declared" >&2
	exit 1
fi

case $what in
push)
	for program in "${programs[@]}"; do
		docker buildx build --target "$program" --build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD)" \
			--cache-from "type=registry,ref=$IMAGES/cache:$1" --cache-to "type=registry,ref=$IMAGES/cache:$1,mode=max" \
			--sbom=true --provenance=mode=max --push --tag "$IMAGES/$program:$version-$1" .
	done
	;;
together)
	for program in "${programs[@]}"; do
		docker buildx imagetools create --tag "$IMAGES/$program:$version" "${@/#/$IMAGES/$program:$version-}"
	done
	;;
chart)
	helm=$(hack/helm.sh)
	"$helm" package charts/shop-operator --version "$version" --app-version "$version" --destination dist
	"$helm" push "dist/shop-operator-$version.tgz" "oci://$IMAGES/charts"
	;;
*)
	sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
