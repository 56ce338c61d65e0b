#!/usr/bin/env bash
# Checks charts/shop-operator, and that config/ is the same without Helm:
# - what each values file of its ci/ becomes is what check-chart/snapshots has, passes `helm lint --strict`, is as the oldest and
#   the newest Kubernetes want it, field by field (kubeconform), and sound (kube-score) but for check-chart/exceptions.yaml;
# - wrong values are refused with the words of check-chart/refused;
# - definition, version, table of values and oldest Kubernetes are those of the tree.
# `--update` writes the snapshots and the table of values anew: look at what git shows of it.
#
# A machine without Go says so and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
here=hack/check-chart
chart=charts/shop-operator
update=
case ${1:-} in
"") ;;
--update) update=1 ;;
*)
	echo "usage: $0 [--update]" >&2
	exit 2
	;;
esac
if ! command -v go >/dev/null; then
	echo "WARNING: Go is not here: $chart was NOT checked" >&2
	exit 0
fi

helm=$(hack/helm.sh)
tools=$(hack/check-children/tools.sh)
mapfile -t versions < <(cd "$tools/schema" && printf '%s\n' v* | sort -V)
oldest=${versions[0]#v}
newest=${versions[-1]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of this machine's Helm, and nothing left behind.
export HELM_CACHE_HOME=$work/helm/cache HELM_CONFIG_HOME=$work/helm/config HELM_DATA_HOME=$work/helm/data
unset KUBECONFIG "${!HELM_KUBE@}"

wrong=0
fault() {
	wrong=1
	printf '%s\n' "$*" >&2
}
# What is committed and what it should be.
same() {
	local committed=$1 right=$2 advice=$3
	if [ -n "$update" ]; then
		cp "$right" "$committed"
	else
		diff -uN "$committed" "$right" >&2 || fault "$committed is not what it should be, see above: $advice"
	fi
}
render() {
	"$helm" template shop-operator "$chart" --namespace shopplatform-operator --kube-version "$oldest" "$@"
}
# One stream of these files.
documents() {
	local file
	for file in "$@"; do
		echo ---
		cat "$file"
	done
}
# All objects of the standard input in one form.
canonical() {
	rm -rf "$work/canonical"
	cp -r "$here/canonical" "$work/canonical"
	cat >"$work/canonical/objects.yaml"
	"$helm" template canonical "$work/canonical" | sed 1,2d
}
# Without the objects of one template.
without() {
	awk -v name="$1" 'BEGIN { RS = "---\n"; ORS = "" } NF && !index($0, "# Source: shop-operator/templates/" name "\n") { print RS $0 }'
}

# The values.
mkdir "$work/rendered" "$work/snapshots"
for values in "$chart"/ci/*-values.yaml; do
	name=$(basename "$values" -values.yaml)
	read -ra arguments < <(sed -n 's/^# with: //p' "$values") || true
	"$helm" lint --strict --quiet "$chart" --kube-version "$oldest" --values "$values" >&2 || fault "helm lint: see above what it says of $values"
	if ! render --values "$values" "${arguments[@]}" >"$work/rendered/$name.yaml"; then
		fault "$values is refused, see above: mend $chart"
		rm "$work/rendered/$name.yaml"
		continue
	fi
	# 2 400 lines of definition are compared below, once.
	without definition.yaml <"$work/rendered/$name.yaml" >"$work/snapshots/$name.yaml"
done
[ -z "$update" ] || rm -f "$here"/snapshots/*.yaml
for snapshot in "$work/snapshots"/*.yaml; do
	name=$(basename "$snapshot")
	same "$here/snapshots/$name" "$snapshot" "mend $chart, or accept it by \`hack/check-chart.sh --update\`"
done
for snapshot in "$here"/snapshots/*.yaml; do
	[ -e "$work/snapshots/$(basename "$snapshot")" ] || fault "$snapshot has no values file in $chart/ci: remove it"
done

# Kubernetes, and the platforms' own definition.
"$tools/schemas" "$work/schema" crds/shopplatforms.yaml
for version in "${versions[@]}"; do
	"$tools/kubeconform" -n 1 -strict -kubernetes-version "${version#v}" \
		-schema-location "$tools/schema/$version/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
		-schema-location "$tools/schema/custom/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
		-schema-location "$work/schema/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
		"$work/rendered"/*.yaml config/*.yaml crds/*.yaml >"$work/said" && continue
	fault "kubeconform: these objects are not as Kubernetes $version wants them: mend $chart or config
$(sed "s|^$work/rendered/||; s|problem validating schema. Check JSON formatting: jsonschema validation failed with '[^']*'||" "$work/said")"
done
mkdir "$work/scores"
documents config/*.yaml >"$work/snapshots/config.yaml"
for file in "$work/snapshots"/*.yaml; do
	# Who leaves out what can be left out has chosen so.
	[ "$file" != "$work/snapshots/nothing-optional.yaml" ] || continue
	score=$work/scores/$(basename "$file" .yaml).json
	# It ends with 1 also if it only finds something: that is judged below.
	"$tools/kube-score" score --output-format json --all-default-optional --kubernetes-version "${newest%.*}" \
		--disable-ignore-checks-annotations --disable-optional-checks-annotations "$file" >"$score" && continue
	[ -s "$score" ] || fault "kube-score cannot read what $(basename "$file") becomes, see above: mend $chart"
done
"$tools/score" "$here/exceptions.yaml" "$work/scores"/*.json 2>"$work/said" ||
	fault "kube-score: mend $chart, or say in $here/exceptions.yaml why it is right as it is:
$(cat "$work/said")"

# config/ is the chart with nothing set, but for the Service, which only a ServiceMonitor needs.
documents config/operator.yaml config/rbac.yaml | canonical >"$work/config"
without definition.yaml <"$work/rendered/default.yaml" | without metrics.yaml | without tests/operator.yaml | canonical >"$work/chart"
diff -u "$work/config" "$work/chart" >&2 || fault "config/ (-) and $chart (+) differ, see above: change both"

# The definition.
render --show-only templates/definition.yaml >"$work/definition.yaml"
canonical <crds/shopplatforms.yaml >"$work/committed"
canonical <"$work/definition.yaml" >"$work/chart"
diff -u "$work/committed" "$work/chart" >&2 || fault "the chart's definition is not crds/shopplatforms.yaml, see above: run \`make generate\`"
grep -qx '    helm.sh/resource-policy: keep' "$work/definition.yaml" ||
	fault "the chart's definition is not kept when the release is uninstalled: all platforms would go with it"

# What is refused.
refused=0
while IFS= read -r line; do
	[[ $line == -*' => '* ]] || continue
	read -r -a arguments <<<"${line%% => *}"
	words=${line##* => }
	refused=$((refused + 1))
	if render "${arguments[@]}" >/dev/null 2>"$work/said"; then
		fault "nothing is said of ${arguments[*]}: it should be: $words"
	elif ! grep -qF -- "$words" "$work/said"; then
		fault "of ${arguments[*]} it should be said: $words
$(cat "$work/said")"
	fi
done <"$here/refused"

# One version, one table.
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
for line in "version: $version" "appVersion: $version" "kubeVersion: \">=${oldest%.*}.0-0\""; do
	grep -qxF "$line" "$chart/Chart.yaml" || fault "$chart/Chart.yaml should say $line, as Cargo.toml and hack/check-children/sources do"
done
{
	sed '/<!-- values -->/q' "$chart/README.md"
	awk -f "$here/values.awk" "$chart/values.yaml"
	sed -n '/<!-- end of values -->/,$p' "$chart/README.md"
} >"$work/README.md"
same "$chart/README.md" "$work/README.md" "its table is made of values.yaml by \`hack/check-chart.sh --update\`"

[ "$wrong" = 0 ] || exit 1
rendered=("$work/rendered"/*.yaml)
echo "$chart: ${#rendered[@]} sets of values become what they should, valid for Kubernetes ${versions[*]}, sound but for $(grep -c '^- check:' "$here/exceptions.yaml") explained exceptions; $refused wrong ones are refused; config/ is the same"
