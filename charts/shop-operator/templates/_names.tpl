{{/*
Names are fixed, not made of the release's: the operator knows its lease and its account by them, config/ has the same ones, and
two operators in one cluster are to collide when they are installed, not over somebody's shop.
*/}}

{{- define "shop-operator.name" -}}
shopplatform-operator
{{- end }}

{{/* The name of what belongs to the whole cluster: of an operator for one namespace there may be several. */}}
{{- define "shop-operator.clusterName" -}}
{{ include "shop-operator.name" . }}{{ with .Values.watchNamespace }}.{{ $.Release.Namespace }}{{ end }}
{{- end }}

{{/* The role in the watched namespace: that may be the operator's own, where the role for the lease is. */}}
{{- define "shop-operator.platformsName" -}}
{{ include "shop-operator.name" . }}-platforms
{{- end }}

{{/* What selects the operator's pods. Never changed, for a Deployment's selector cannot be. */}}
{{- define "shop-operator.selector" -}}
app.kubernetes.io/name: operator
app.kubernetes.io/part-of: shop-platform
{{- end }}

{{- define "shop-operator.labels" -}}
{{ include "shop-operator.selector" . }}
{{ include "shop-operator.releaseLabels" . }}
{{- end }}

{{/* Those that every object has, also one that is no part of the operator itself. */}}
{{- define "shop-operator.releaseLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "shop-operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "shop-operator.platformNamespace" -}}
{{ .Values.platform.namespace | default .Values.watchNamespace | default .Release.Namespace }}
{{- end }}
