#!/usr/bin/env bash
# `docker` with BuildKit, whichever client this machine has: a newer one builds with its plug-in buildx; where that is not there,
# Debian's older client does without it.
set -euo pipefail
export DOCKER_BUILDKIT=1
if [ "${1:-}" = build ] && ! docker buildx version >/dev/null 2>&1 && [ -x /usr/bin/docker ]; then
	exec /usr/bin/docker "$@"
fi
exec docker "$@"
