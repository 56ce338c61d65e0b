#!/usr/bin/env bash
# Makes an image archive, as `docker save` writes them, of a folder: one layer, no tool but tar.
# Usage: image.sh NAME USER FOLDER ARCHIVE COMMAND…
set -euo pipefail
name=$1 user=$2 folder=$3 archive=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tar --create --file "$work/layer.tar" --directory "$folder" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
layer=$(sha256sum <"$work/layer.tar")
architecture=$(uname -m)
case $architecture in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
esac
command=$(printf '%s\n' "$@" | jq --raw-input . | jq --slurp --compact-output .)
cat >"$work/config.json" <<-END
	{"os": "linux", "architecture": "$architecture", "created": "1970-01-01T00:00:00Z",
	"config": {"User": "$user", "Entrypoint": $command, "WorkingDir": "/", "Env": ["PATH=/bin:/usr/bin"]},
	"rootfs": {"type": "layers", "diff_ids": ["sha256:${layer%% *}"]}}
END
echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$name\"], \"Layers\": [\"layer.tar\"]}]" >"$work/manifest.json"
tar --create --file "$archive.new" --directory "$work" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
	config.json layer.tar manifest.json
mv "$archive.new" "$archive"
