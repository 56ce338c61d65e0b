#!/usr/bin/env bash
# What the release workflow does, with Docker's buildx, logged in at the registry of $IMAGES:
#
#   release.sh check 1.2.3                  sees whether this version can be released under $IMAGES; so do the others first
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
# And where: images that nobody is told of would be of no use, and the chart would ask for those of somebody else.
asked=$(sed -n 's|^  repository: \(.*\)/operator$|\1|p' charts/shop-operator/values.yaml)
if [ "$IMAGES" != "$asked" ]; then
	echo "images would go to $IMAGES, and operator and chart ask for those of $asked: change the name there (git grep $asked), or release as that owner" >&2
	exit 1
fi

case $what in
check) ;;
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
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
