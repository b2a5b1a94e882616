{{/* Name of the objects: the release's, with the chart's behind it where that does not say so anyway. */}}
{{- define "disroom-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of the pods. NATS and servers of ChatClusters let in whom app.kubernetes.io/name calls disroom-operator, so that it
     is the same whatever objects are called. */}}
{{- define "disroom-operator.selector" -}}
app.kubernetes.io/name: disroom-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "disroom-operator.labels" -}}
{{ include "disroom-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Metadata of an object, given the root, what stands behind its name, and labels and annotations of its own:
     include "disroom-operator.metadata" (dict "root" $ "suffix" "-view" "labels" ... "annotations" ...). Objects that
     do not belong to a namespace have "cluster" true; "namespace" is another one than the release's. */}}
{{- define "disroom-operator.metadata" -}}
{{- $root := .root -}}
name: {{ .name | default (printf "%s%s" (include "disroom-operator.fullname" $root) (.suffix | default "")) }}
{{- if not .cluster }}
namespace: {{ .namespace | default $root.Release.Namespace }}
{{- end }}
labels:
  {{- merge (include "disroom-operator.labels" $root | fromYaml) (.labels | default dict) ($root.Values.commonLabels | default dict) | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) ($root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "disroom-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "disroom-operator.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "disroom-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A role's binding to the operator: include "disroom-operator.binding" (dict "root" $ "role" "ClusterRole"). */}}
{{- define "disroom-operator.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .role }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "disroom-operator.serviceAccount" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
