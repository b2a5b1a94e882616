{{/* Of the ChatCluster: as long as its CRD allows, since the names of its parts are made of it. */}}
{{- define "disroom-cluster.name" -}}
{{- $name := .Values.name | default .Release.Name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of a ChatCluster: it must have at most 40 of a-z, 0-9 and -, begin with a letter, and not end with -; set the value \"name\" to another one" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}
