#!/usr/bin/env bash
# Checks what the operator makes of the examples, and of check-children/platforms.yaml for what no example has: with kubeconform
# that it is as the oldest and the newest Kubernetes want it, field by field, and with kube-score that it is sound; the operator's
# own pods (config/operator.yaml) too. What kube-score finds and is right as it is stands in check-children/exceptions.yaml, with
# the reason.
#
# The tools are built from the Go module proxy, and the schemas made of what Kubernetes and the definitions of the other APIs say
# of themselves, once into the shared cache. A machine without Go says so and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
here=hack/check-children
if ! command -v go >/dev/null; then
	echo "WARNING: Go is not here: the operator's children were NOT checked" >&2
	exit 0
fi

newest=$(sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' hack/control-plane/go.mod)
sources=$(grep -v '^#' "$here/sources")
sources+=$'\n'"$(grep -F "k8s.io/kubernetes $newest h1:" hack/control-plane/go.sum) api/openapi-spec/swagger.json"
pins=$({ echo "$sources"; cat "$here.sh" "$here"/go.* "$here"/*/*.go; } | sha256sum)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools
tools=$cache/check-children-${pins::16}

# The file of a module, whose content is what the sum says.
file_of() {
	local module=$1 version=$2 sum=$3 file=$4 answer
	answer=$(cd "$new" && GOWORK=off go mod download -json "$module@$version") || {
		echo "$answer" >&2
		return 1
	}
	grep -qF "\"Sum\": \"$sum\"" <<<"$answer" || {
		echo "$module $version is not what $here/sources says" >&2
		return 1
	}
	echo "$(sed -n 's|^\t"Dir": "\(.*\)",$|\1|p' <<<"$answer")/$file"
}

work=$(mktemp -d)
new=
trap 'rm -rf "$new" "$work"' EXIT
if [ ! -d "$tools" ]; then
	echo "making the tools that check the operator's children (two minutes, once)" >&2
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/.check-children.XXXXXX")
	chmod 755 "$new"
	(
		cd "$here"
		CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
			go build -trimpath -o "$new/" tool ./schemas ./score
	)
	while read -r module version sum file; do
		folder=custom
		[ "$module" != k8s.io/kubernetes ] || folder=$version
		path=$(file_of "$module" "$version" "$sum" "$file")
		"$new/schemas" "$new/schema/$folder" "$path"
	done <<<"$sources"
	# Another one may have been faster.
	mv -T "$new" "$tools" 2>/dev/null || [ -d "$tools" ]
fi

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}
cargo build --locked --quiet -p operator --bin operator
for file in examples/*.yaml "$here/platforms.yaml"; do
	"$CARGO_TARGET_DIR/debug/operator" render --file "$file" >"$work/$(basename "$file")"
done

wrong=0
mapfile -t versions < <(cd "$tools/schema" && printf '%s\n' v* | sort -V)
for version in "${versions[@]}"; do
	# One at a time: what it says is in the order of the files then.
	"$tools/kubeconform" -n 1 -strict -kubernetes-version "${version#v}" \
		-schema-location "$tools/schema/$version/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
		-schema-location "$tools/schema/custom/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
		"$work"/*.yaml >"$work/said" && continue
	wrong=1
	echo "kubeconform: these children are not as Kubernetes $version wants them: mend operator/src/build" >&2
	sed "s|^$work/||; s|problem validating schema. Check JSON formatting: jsonschema validation failed with '[^']*'||" "$work/said" >&2
done
for file in "$work"/*.yaml; do
	# It ends with 1 also if it only finds something: that is judged below.
	"$tools/kube-score" score --output-format json --all-default-optional --kubernetes-version "${newest%.*}" \
		--disable-ignore-checks-annotations --disable-optional-checks-annotations \
		"$file" >"${file%.yaml}.json" && continue
	[ -s "${file%.yaml}.json" ] || {
		echo "kube-score cannot read what $(basename "$file") becomes, see above: mend operator/src/build" >&2
		exit 1
	}
done
if ! "$tools/score" "$here/exceptions.yaml" "$work"/*.json 2>"$work/said"; then
	wrong=1
	echo "kube-score: mend operator/src/build, or say in $here/exceptions.yaml why it is right as it is:" >&2
	cat "$work/said" >&2
fi
[ "$wrong" = 0 ] || exit 1
echo "the operator's children are valid for Kubernetes ${versions[*]}, and sound but for $(grep -c '^- check:' "$here/exceptions.yaml") explained exceptions"
