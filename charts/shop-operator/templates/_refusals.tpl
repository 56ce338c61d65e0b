{{/*
What is refused, each with what to do. Values that have the wrong form are refused by values.schema.json before.
*/}}
{{- define "shop-operator.refusals" -}}
{{- include "shop-operator.refuseValues" . -}}
{{- if .Values.platform.create -}}
  {{- include "shop-operator.refusePlatform" . -}}
{{- end -}}
{{- if include "shop-operator.hasCluster" . -}}
  {{- include "shop-operator.refuseTwoOperators" . -}}
  {{- include "shop-operator.refuseDefinition" . -}}
  {{- include "shop-operator.refuseMissing" . -}}
  {{- if .Values.platform.create -}}
    {{- include "shop-operator.refuseTakeOver" . -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{- define "shop-operator.refuseValues" -}}
{{- range $name := tuple "watchNamespace" "platform.namespace" -}}
  {{- $value := ternary $.Values.watchNamespace $.Values.platform.namespace (eq $name "watchNamespace") -}}
  {{- if and $value (not (and (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $value) (le (len $value) 63))) -}}
    {{- fail (printf "%s is one namespace, such as shop, not %q" $name $value) -}}
  {{- end -}}
{{- end -}}
{{- with .Values.image.digest -}}
  {{- if not (regexMatch "^sha256:[0-9a-f]{64}$" .) -}}
    {{- fail (printf "image.digest is sha256: and 64 hexadecimal digits, not %q; a tag belongs into image.tag" .) -}}
  {{- end -}}
{{- end -}}
{{- range $label, $_ := .Values.podLabels -}}
  {{- if hasKey (include "shop-operator.selector" $ | fromYaml) $label -}}
    {{- fail (printf "podLabels may not change %s: the Deployment finds its pods by it" $label) -}}
  {{- end -}}
{{- end -}}
{{- $own := dict
  "POD_NAME" "it is the pod's name"
  "POD_NAMESPACE" "it is the release's namespace"
  "SHOP_OPERATOR_LOG_FILTER" "set log.filter"
  "SHOP_OPERATOR_LOG_JSON" "set log.json"
  "SHOP_OPERATOR_NAME" "set operatorName"
  "SHOP_OPERATOR_PROGRESS_DEADLINE_SECONDS" "set progressDeadlineSeconds"
  "SHOP_OPERATOR_REGISTRY" "set platformRegistry"
  "SHOP_OPERATOR_WATCH_NAMESPACE" "set watchNamespace" -}}
{{- range .Values.extraEnv -}}
  {{- with index $own .name -}}
    {{- fail (printf "extraEnv may not have a variable that the chart sets (%s)" .) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* The rules for names are those of the definition: the API server would say the same, but only when the operator is installed. */}}
{{- define "shop-operator.refusePlatform" -}}
{{- $name := .Values.platform.name -}}
{{- if or (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)) (gt (len $name) 24) -}}
  {{- fail (printf "platform.name begins with a letter and has at most 24 small letters, digits and dashes, unlike %q: Services and labels are made of it" $name) -}}
{{- end -}}
{{- $namespace := include "shop-operator.platformNamespace" . -}}
{{- if and .Values.watchNamespace (ne .Values.watchNamespace $namespace) -}}
  {{- fail (printf "platform.namespace is %s, but this operator works in %s only, as watchNamespace says: leave platform.namespace out" $namespace .Values.watchNamespace) -}}
{{- end -}}
{{- $definition := .Files.Get "files/shopplatforms.yaml" | fromYaml -}}
{{- $schema := (first $definition.spec.versions).schema.openAPIV3Schema.properties.spec -}}
{{- include "shop-operator.refuseUnknownFields" (dict "path" "platform.spec" "schema" $schema "value" .Values.platform.spec) -}}
{{- end }}

{{/* The API server would drop them with no more than a warning. */}}
{{- define "shop-operator.refuseUnknownFields" -}}
{{- $below := list -}}
{{- if and (kindIs "map" .value) .schema.properties -}}
  {{- range $name, $value := .value -}}
    {{- if hasKey $.schema.properties $name -}}
      {{- $below = append $below (dict "path" (printf "%s.%s" $.path $name) "schema" (index $.schema.properties $name) "value" $value) -}}
    {{- else if not (index $.schema "x-kubernetes-preserve-unknown-fields") -}}
      {{- fail (printf "%s has no field %s; it has %s" $.path $name (keys $.schema.properties | sortAlpha | join ", ")) -}}
    {{- end -}}
  {{- end -}}
{{- else if and (kindIs "map" .value) (kindIs "map" .schema.additionalProperties) -}}
  {{- range $name, $value := .value -}}
    {{- $below = append $below (dict "path" (printf "%s.%s" $.path $name) "schema" $.schema.additionalProperties "value" $value) -}}
  {{- end -}}
{{- else if and (kindIs "slice" .value) .schema.items -}}
  {{- range $index, $value := .value -}}
    {{- $below = append $below (dict "path" (printf "%s[%d]" $.path $index) "schema" $.schema.items "value" $value) -}}
  {{- end -}}
{{- end -}}
{{- range $below -}}{{- include "shop-operator.refuseUnknownFields" . -}}{{- end -}}
{{- end }}

{{- define "shop-operator.nobody" -}}
no release of Helm
{{- end }}

{{/* Whose an object is: "" for this release's own. */}}
{{- define "shop-operator.otherOwner" -}}
{{- $annotations := .object.metadata.annotations | default dict -}}
{{- $name := index $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := index $annotations "meta.helm.sh/release-namespace" -}}
{{- if not $name -}}
{{ include "shop-operator.nobody" . }}
{{- else if or (ne $name .root.Release.Name) (ne $namespace .root.Release.Namespace) -}}
the release {{ $name }} in the namespace {{ $namespace }}
{{- end -}}
{{- end }}

{{/* Two operators would both work on the same platforms. Each has a binding of a name that is known. */}}
{{- define "shop-operator.refuseTwoOperators" -}}
{{- $name := include "shop-operator.name" . -}}
{{- if and .Values.rbac.create (or (not .Values.watchNamespace) .Values.rbac.clusterScoped) -}}
  {{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" "").items -}}
    {{- $owner := include "shop-operator.otherOwner" (dict "root" $ "object" .) -}}
    {{- if not $owner -}}
    {{- else if eq .metadata.name $name -}}
      {{- $other := printf "upgrade or uninstall it with Helm (helm list --all-namespaces --filter '^%s$')" (index (.metadata.annotations | default dict) "meta.helm.sh/release-name") -}}
      {{- if eq $owner (include "shop-operator.nobody" $) -}}
        {{- $other = "remove it by `kubectl delete -f config/operator.yaml -f config/rbac.yaml` of its version" -}}
      {{- end -}}
      {{- fail (printf "this cluster has an operator for all namespaces already, of %s (ClusterRoleBinding %s), and two would work on the same platforms: %s. Platforms stay when their operator goes" $owner $name $other) -}}
    {{- else if eq .metadata.name (include "shop-operator.clusterName" $) -}}
      {{- fail (printf "the namespace %s has an operator already, of %s (ClusterRoleBinding %s). Upgrade or uninstall that one, or install this one in another namespace" $.Release.Namespace $owner .metadata.name) -}}
    {{- else if and (hasPrefix (printf "%s." $name) .metadata.name) (not $.Values.watchNamespace) -}}
      {{- fail (printf "this cluster has an operator for one namespace, of %s (ClusterRoleBinding %s): with one for all namespaces besides, two would work on the same platforms. Uninstall that one first, or say by watchNamespace in which other namespace this one works" $owner .metadata.name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.rbac.create .Values.watchNamespace -}}
  {{- with lookup "rbac.authorization.k8s.io/v1" "RoleBinding" .Values.watchNamespace (include "shop-operator.platformsName" .) -}}
    {{- $owner := include "shop-operator.otherOwner" (dict "root" $ "object" .) -}}
    {{- if $owner -}}
      {{- fail (printf "the namespace %s has an operator already, of %s (RoleBinding %s). Upgrade or uninstall that one: two would work on the same platforms" $.Values.watchNamespace $owner .metadata.name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* The definition stays when a release goes, so another one may find it. */}}
{{- define "shop-operator.refuseDefinition" -}}
{{- if .Values.crds.install -}}
  {{- with lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "shopplatforms.shopplatform.io" -}}
    {{- $owner := include "shop-operator.otherOwner" (dict "root" $ "object" .) -}}
    {{- if $owner -}}
      {{- $take := printf "kubectl annotate --overwrite crd %s meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s && kubectl label --overwrite crd %s app.kubernetes.io/managed-by=Helm" .metadata.name $.Release.Name $.Release.Namespace .metadata.name -}}
      {{- fail (printf "the definition of ShopPlatform is in this cluster and belongs to %s. To have this release upgrade it from now on: `%s`. To leave it to its owner: --set crds.install=false" $owner $take) -}}
    {{- end -}}
  {{- end -}}
{{- else if not (include "shop-operator.hasDefinition" .) -}}
  {{- fail "the cluster does not know ShopPlatform, and crds.install is false: apply the definition first (`kubectl apply --server-side -f crds/` of this version, or what `operator crd` prints), or set crds.install=true" -}}
{{- end -}}
{{- end }}

{{- define "shop-operator.refuseMissing" -}}
{{- if and (eq .Values.monitoring.serviceMonitor "Enabled") (not (include "shop-operator.hasServiceMonitors" .)) -}}
  {{- fail "monitoring.serviceMonitor is Enabled, and the cluster does not know ServiceMonitor of monitoring.coreos.com/v1: install the Prometheus operator first, or set it to Auto or Disabled" -}}
{{- end -}}
{{- if and .Values.platform.create .Release.IsUpgrade (not (include "shop-operator.hasDefinition" .)) -}}
  {{- fail "platform.create is true, and the cluster does not know ShopPlatform: upgrade with platform.create=false first, which makes the definition" -}}
{{- end -}}
{{/* Helm would find out in the middle of its work. Who has no rights in the cluster may not look. */}}
{{- if or (not .Values.watchNamespace) .Values.rbac.clusterScoped -}}
  {{- $wanted := dict -}}
  {{- with .Values.watchNamespace -}}{{- $_ := set $wanted "watchNamespace" . -}}{{- end -}}
  {{- if .Values.platform.create -}}{{- with .Values.platform.namespace -}}{{- $_ := set $wanted "platform.namespace" . -}}{{- end -}}{{- end -}}
  {{- range $value, $namespace := $wanted -}}
    {{- if and (ne $namespace $.Release.Namespace) (not (lookup "v1" "Namespace" "" $namespace)) -}}
      {{- fail (printf "%s is %s, which is no namespace of this cluster: `kubectl create namespace %s` makes it" $value $namespace $namespace) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/*
Helm takes over a custom resource that is there without changing it (github.com/helm/helm/issues/30690), and later changes only what
differs from one release to the next: what the values say besides would never be. The Deployment tells what the release before had.
*/}}
{{- define "shop-operator.refuseTakeOver" -}}
{{- if include "shop-operator.hasDefinition" . -}}
  {{- $namespace := include "shop-operator.platformNamespace" . -}}
  {{- $platform := printf "%s/%s" $namespace .Values.platform.name -}}
  {{- with lookup "shopplatform.io/v1alpha1" "ShopPlatform" $namespace .Values.platform.name -}}
    {{- $deployment := lookup "apps/v1" "Deployment" $.Release.Namespace (include "shop-operator.name" $) | default (dict "metadata" dict) -}}
    {{- $before := index ($deployment.metadata.annotations | default dict) "shopplatform.io/platform" -}}
    {{- $digest := index (.metadata.annotations | default dict) "shopplatform.io/values" -}}
    {{- if and (ne $before $platform) (ne $digest (include "shop-operator.platformDigest" $)) -}}
      {{- fail (printf "the platform %s is there already, and this release does not have it yet. Helm would take it over without changing it to what platform.spec says. Either give platform.spec as it was when Helm made the platform, and change it by a later upgrade; or set platform.create=false and change it by `kubectl --namespace %s edit shop %s`" $platform $namespace $.Values.platform.name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
