#!/usr/bin/env bash
# Makes what images are built from on a machine that reaches Debian's packages but no image registry, as root:
#
#   shop-debian:trixie    Debian, minimal: the servers' stand-ins are built on it
#   shop-builder:local    Debian, a C compiler and this machine's Rust (with `builder` as argument only; 1.5 GB)
#   shop-base:local       what the programs run on, without a shell: glibc, libgcc, certificates, time zones, the user 65532
#
# The two are Debian of this machine's own release: the programs may have been built on this machine.
set -euo pipefail
hack/ensure-tools.sh debootstrap
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

has() {
	docker image inspect "$1" >/dev/null 2>&1
}

debian() { # RELEASE FOLDER [PACKAGES]
	echo "debootstrap $1 (two minutes)" >&2
	debootstrap --variant=minbase ${3:+--include="$3"} "$1" "$2" >"$work/log" 2>&1 || {
		tail -20 "$work/log" >&2
		return 1
	}
	rm -rf "$2"/var/cache/apt/archives/*.deb "$2"/var/lib/apt/lists/*
	# What this machine trusts: package registries may be reached through a mirror.
	mkdir -p "$2/etc/ssl/certs"
	cp /etc/ssl/certs/ca-certificates.crt "$2/etc/ssl/certs/"
}

release=$(. /etc/os-release && echo "$VERSION_CODENAME")

if ! has shop-debian:trixie; then
	debian trixie "$work/trixie"
	tar -C "$work/trixie" -c . | docker import - shop-debian:trixie >/dev/null
fi

if ! has shop-base:local; then
	mkdir -p "$work/packages" "$work/base"
	apt-get update -qq
	(cd "$work/packages" && apt-get download -qq base-files libc6 libgcc-s1 tzdata)
	for package in "$work"/packages/*.deb; do
		dpkg-deb --extract "$package" "$work/base"
	done
	cd "$work/base"
	# Nothing here serves a person.
	rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/lintian usr/bin usr/sbin sbin bin usr/lib/*-linux-gnu/gconv usr/lib/*-linux-gnu/audit
	mkdir -p etc/ssl/certs home/nonroot tmp
	cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/
	chmod 1777 tmp
	chown 65532:65532 home/nonroot
	printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >etc/passwd
	printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
	printf 'hosts: files dns\n' >etc/nsswitch.conf
	tar -c . | docker import --change 'USER 65532:65532' --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
		- shop-base:local >/dev/null
	cd - >/dev/null
fi

if [ "${1:-}" = builder ] && ! has shop-builder:local; then
	debian "$release" "$work/builder" ca-certificates,gcc,g++,libc6-dev,make,cmake
	sysroot=$(rustc --print sysroot)
	mkdir -p "$work/builder/usr/local/rust"
	cp -a "$sysroot"/{bin,lib,libexec} "$work/builder/usr/local/rust/"
	tar -C "$work/builder" -c . | docker import \
		--change 'ENV PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
		--change 'ENV CARGO_HOME=/usr/local/cargo' --change 'WORKDIR /src' - shop-builder:local >/dev/null
fi
