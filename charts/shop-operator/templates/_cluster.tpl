{{/*
"true" if a cluster is asked, and not only templates rendered. Every API server has this API, and what Helm takes for a cluster
without one has not. It needs no right, unlike `lookup`, which fails for who may not read.
*/}}
{{- define "shop-operator.hasCluster" -}}
{{- if .Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" }}true{{ end }}
{{- end }}

{{- define "shop-operator.hasDefinition" -}}
{{- if .Capabilities.APIVersions.Has "shopplatform.io/v1alpha1/ShopPlatform" }}true{{ end }}
{{- end }}

{{- define "shop-operator.hasServiceMonitors" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" }}true{{ end }}
{{- end }}

{{/*
"true" if the platform is made by a hook: the cluster does not have its kind yet, and Helm refuses a release with a kind that the
cluster does not know. A hook is read only after everything else, with the definition, was made.
*/}}
{{- define "shop-operator.platformIsLate" -}}
{{- if and .Release.IsInstall (include "shop-operator.hasCluster" .) (not (include "shop-operator.hasDefinition" .)) }}true{{ end }}
{{- end }}

{{/* A digest of what the values say of the platform. */}}
{{- define "shop-operator.platformDigest" -}}
{{ .Values.platform.spec | toJson | sha256sum | trunc 16 }}
{{- end }}

{{/*
The rules of one role of files/rbac.yaml, which is what `operator rbac` prints, as a list.
  root: the root context
  kind: ClusterRole or Role
  only: "" for all rules; "cluster" for those about what belongs to no namespace; "namespace" for the others
*/}}
{{- define "shop-operator.rules" -}}
{{- $ofTheCluster := list "apiextensions.k8s.io" "storage.k8s.io" -}}
{{- $rules := list -}}
{{- range $document := splitList "\n---\n" (.root.Files.Get "files/rbac.yaml") -}}
  {{- $role := fromYaml $document -}}
  {{- if eq $role.kind $.kind -}}
    {{- range $rule := $role.rules -}}
      {{- $kept := true -}}
      {{- if $.only -}}
        {{- $kept = eq (eq $.only "cluster") (has (first $rule.apiGroups) $ofTheCluster) -}}
      {{- end -}}
      {{- if $kept -}}{{- $rules = append $rules $rule -}}{{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end }}
