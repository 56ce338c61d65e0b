{{/* What the operator's pods and those that try its image have in common. All of them keep to the standard "restricted". */}}

{{- define "shop-operator.podPlace" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "shop-operator.container" -}}
image: {{ include "shop-operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Not the operator's: its Service, its policy and its budget are not about this pod. */}}
{{- define "shop-operator.tryLabels" -}}
app.kubernetes.io/name: operator-try
app.kubernetes.io/part-of: shop-platform
{{ include "shop-operator.releaseLabels" . }}
{{- end }}

{{/* A pod that ends well as soon as an operator works, and the API server serves platforms. It has no shell. */}}
{{- define "shop-operator.trySpec" -}}
restartPolicy: Never
serviceAccountName: {{ include "shop-operator.name" . }}
enableServiceLinks: false
{{ include "shop-operator.podPlace" . }}
containers:
  - name: try
    {{- include "shop-operator.container" . | nindent 4 }}
    args: [check, --wait, "60"]
    env:
      - name: POD_NAMESPACE
        valueFrom:
          fieldRef:
            fieldPath: metadata.namespace
      {{- with .Values.watchNamespace }}
      - name: SHOP_OPERATOR_WATCH_NAMESPACE
        value: {{ . | quote }}
      {{- end }}
{{- end }}
