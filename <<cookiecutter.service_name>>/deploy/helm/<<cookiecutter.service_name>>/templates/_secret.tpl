{{/* The spec of an ExternalSecret that creates a Secret: (dict "root" $ "name" "of-the-secret"). */}}
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
The Secret that the migration reads. An ExternalSecret of the release is created after the migration
runs, so the migration has its own.
*/}}
{{- define "service.migrationSecret" -}}
{{- if .Values.secret.external -}}
{{ include "service.name" . }}-migration
{{- else -}}
{{ .Values.secret.name }}
{{- end }}
{{- end }}
