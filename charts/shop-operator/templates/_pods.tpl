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
priorityClassName: {{ . }}
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

{{/*
A pod that makes a platform of `spec: {}`, which shows that the image is there, starts, and is what it should be. It has no shell;
the manifest is handed to it by an annotation, so that nothing but the pod is made. It talks to nobody.
*/}}
{{- define "shop-operator.tryAnnotations" -}}
shopplatform.io/manifest: '{"apiVersion": "shopplatform.io/v1alpha1", "kind": "ShopPlatform", "metadata": {"name": "try"}, "spec": {}}'
{{- end }}

{{/* Not the operator's: its Service, its policy and its budget are not about this pod. */}}
{{- define "shop-operator.tryLabels" -}}
app.kubernetes.io/name: operator-try
app.kubernetes.io/part-of: shop-platform
{{ include "shop-operator.releaseLabels" . }}
{{- end }}

{{- define "shop-operator.trySpec" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{ include "shop-operator.podPlace" . }}
containers:
  - name: try
    {{- include "shop-operator.container" . | nindent 4 }}
    args: [render, --file, /manifest/platform.yaml]
    volumeMounts:
      - name: manifest
        mountPath: /manifest
        readOnly: true
volumes:
  - name: manifest
    downwardAPI:
      items:
        - path: platform.yaml
          fieldRef:
            fieldPath: metadata.annotations['shopplatform.io/manifest']
{{- end }}
