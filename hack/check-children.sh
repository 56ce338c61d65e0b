#!/usr/bin/env bash
# Checks what the operator makes of the examples, and of check-children/platforms.yaml for what no example has: with kubeconform
# that it is as the oldest and the newest Kubernetes want it, field by field, and with kube-score that it is sound. What kube-score
# finds and is right as it is stands in check-children/exceptions.yaml, with the reason. The operator's own pods are the business of
# check-chart.sh.
#
# check-children/tools.sh makes the tools. A machine without Go says so and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
here=hack/check-children
if ! command -v go >/dev/null; then
	echo "WARNING: Go is not here: the operator's children were NOT checked" >&2
	exit 0
fi

tools=$("$here/tools.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}
cargo build --locked --quiet -p operator --bin operator
for file in examples/*.yaml "$here/platforms.yaml"; do
	"$CARGO_TARGET_DIR/debug/operator" render --file "$file" >"$work/$(basename "$file")"
done

wrong=0
mapfile -t versions < <(cd "$tools/schema" && printf '%s\n' v* | sort -V)
newest=${versions[-1]}
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
