{{/* The spec of an ExternalSecret that makes a Secret: (dict "root" $ "name" "of-the-secret"). */}}
{{- define "service.externalSecret" -}}
{{- with .root.Values.secret.external -}}
refreshInterval: {{ .refreshInterval }}
secretStoreRef: {{- toYaml .store | nindent 2 }}
target: {name: {{ $.name }}, creationPolicy: Owner}
data:
  {{- range $variable, $ref := .data }}
  - secretKey: {{ $variable }}
    remoteRef: {{- toYaml $ref | nindent 6 }}
  {{- end }}
{{- end }}
{{- end }}

{{/*
The Secret that a migration reads. An ExternalSecret of the release comes too late for it, so then
the migration has one of its own.
*/}}
{{- define "service.migrationSecret" -}}
{{- if .Values.secret.external -}}
{{ include "service.name" . }}-migration
{{- else -}}
{{ .Values.secret.name }}
{{- end }}
{{- end }}
