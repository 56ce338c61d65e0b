#!/usr/bin/env bash
# Builds the images of the project, and prints what each adds to its base.
#
#   hack/images/build.sh             as a release is built: compiles in the builder image (half an hour without its cache)
#   PREBUILT=1 hack/images/build.sh  packs programs that cargo has built on this machine (PROFILE=dev or release); they carry no
#                                    list of their dependencies, and are a little larger: for tests
#
# LOCAL_BASES=1 uses bases made here, for machines that reach no image registry. IMAGES, VERSION: name and tag, as the Makefile
# has them.
set -euo pipefail
cd "$(dirname "$0")/../.."
# `template` is the example of a service that people add: the tests in a cluster add it, and nobody releases it.
programs=(gateway user product order notification shop shopctl operator template)
revision=$(git rev-parse HEAD)
profile=${PROFILE:-release} images=${IMAGES:-ghcr.io/shop-platform} version=${VERSION:-0.1.0}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}
# Of an image over its base, in bytes: docs/performance.md.
budget=25000000
DOCKER_HOST=$(hack/images/engine.sh)
export DOCKER_HOST

arguments=(--build-arg "PROGRAMS=${programs[*]}" --build-arg "PROFILE=$profile"
	--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
context=.
if [ -n "${LOCAL_BASES:-}" ]; then
	hack/images/local-bases.sh ${PREBUILT:-builder}
	arguments+=(--build-arg BASE=shop-base:local --build-arg BUILDER=shop-builder:local --network host)
fi
if [ -n "${PREBUILT:-}" ]; then
	folder=$CARGO_TARGET_DIR/$([ "$profile" = dev ] && echo debug || echo "$profile")
	# shellcheck disable=SC2046 # One word each.
	cargo build --locked --profile "$profile" --bins $(printf -- '-p %s ' "${programs[@]}")
	context=$(mktemp -d)
	trap 'rm -rf "$context"' EXIT
	mkdir "$context/data"
	for program in "${programs[@]}"; do
		strip -o "$context/$program" "$folder/$program"
	done
	arguments+=(--build-arg BINARIES=prebuilt)
fi

for program in "${programs[@]}"; do
	hack/images/docker.sh build --quiet --file Dockerfile --target "$program" "${arguments[@]}" \
		--tag "$images/$program:$version" "$context" >/dev/null
done

# What every image promises: who it is and of which commit, not root, no shell.
for program in "${programs[@]}"; do
	image=$images/$program:$version label=org.opencontainers.image
	is=$(docker image inspect --format "{{index .Config.Labels \"$label.title\"}} {{index .Config.Labels \"$label.revision\"}} {{.Config.User}}" "$image")
	should="$program $revision 65532:65532"
	[ "$is" = "$should" ] || {
		echo "$image is \"$is\" and should be \"$should\"" >&2
		exit 1
	}
	code=0
	docker run --rm --entrypoint sh "$image" -c : >/dev/null 2>&1 || code=$?
	[ "$code" = 127 ] || {
		echo "$image has a shell, or it could not be seen that it has none (code $code)" >&2
		exit 1
	}
done
# Those of this project that lost their names to these. Somebody else may be at it, too.
docker image prune --force --filter 'label=org.opencontainers.image.vendor=Shop platform' >/dev/null || true

# What the Dockerfile itself copies; the layers of the base were made by others.
over_budget=() heading='MB over base'
# What is not optimised may be as large as it is.
[ "$profile" != release ] || heading+=" (budget: $((budget / 1000000)))"
printf '%-14s %14s\n' image "$heading"
for program in "${programs[@]}"; do
	image=$images/$program:$version
	bytes=$(docker history --no-trunc --human=false --format '{{.CreatedBy}}|{{.Size}}' "$image" | awk -F '|' '/^COPY/ { sum += $NF } END { print sum }')
	printf '%-14s %14.1f\n' "$program" "$(awk "BEGIN { print $bytes / 1000000 }")"
	[ "$bytes" -le "$budget" ] || over_budget+=("$program")
done
if [ "$profile" = release ] && [ "${#over_budget[@]}" -gt 0 ]; then
	# They work all the same: docs/performance.md says what is missed, and why.
	printf '\nOVER THE BUDGET of %s MB: %s\n' "$((budget / 1000000))" "${over_budget[*]}" >&2
fi
