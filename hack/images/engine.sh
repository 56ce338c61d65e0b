#!/usr/bin/env bash
# Makes sure that a Docker Engine answers, and prints its address for DOCKER_HOST. Uses the one that is there, where DOCKER_HOST or
# Docker's context says (rootless, Desktop and the like have a socket of their own); on a machine without one, as root, starts Debian's `docker.io` for this project alone: with a folder and a socket of its own.
#
#   hack/images/engine.sh         prints `unix:///…`
#   hack/images/engine.sh stop    ends the one this started; its images stay in the shared cache
set -euo pipefail
run=/run/shop-platform-docker
data=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/docker
own=unix://$run/docker.sock

answers() {
	DOCKER_HOST=$1 timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

if [ "${1:-}" = stop ]; then
	[ -e "$run/pid" ] || exit 0
	pid=$(<"$run/pid")
	kill "$pid" 2>/dev/null || true
	while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
	rm -rf "$run"
	exit 0
fi

named=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)}
for address in "${named:-unix:///var/run/docker.sock}" "$own"; do
	if answers "$address"; then
		echo "$address"
		exit 0
	fi
done

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "No Docker Engine answers: please start one, or name it in DOCKER_HOST." >&2
	exit 1
fi
if ! command -v dockerd >/dev/null; then
	echo "installing Debian's docker.io" >&2
	# Debian 13 has the client and its builder in packages of their own.
	mapfile -t more < <(apt-cache --names-only search '^(docker-cli|docker-buildx)$' | cut -d' ' -f1)
	"$(dirname "$0")/../install-packages.sh" docker.io iptables "${more[@]}"
fi
mkdir -p "$run" "$data"
setsid dockerd --data-root "$data" --exec-root "$run/exec" --pidfile "$run/pid" --host "$own" >"$run/log" 2>&1 </dev/null &
for _ in $(seq 300); do
	if answers "$own"; then
		echo "$own"
		exit 0
	fi
	sleep 0.2
done
echo "Docker Engine did not start:" >&2
tail -20 "$run/log" >&2
exit 1
