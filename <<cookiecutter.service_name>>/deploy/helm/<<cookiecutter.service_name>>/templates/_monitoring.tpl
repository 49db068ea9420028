{{/*
Label matchers for requests to the API of this service, without probes, scrapes and documentation.
*/}}
{{- define "service.requests" -}}
{{ include "service.series" . }},http_route=~"/api/.*"
{{- end }}

{{/* Label matchers for all series of this service. */}}
{{- define "service.series" -}}
namespace="{{ .Release.Namespace }}",job="{{ include "service.name" . }}"
{{- end }}

{{/* Labels of an alert, for routing: (dict "root" $ "severity" "warning"). */}}
{{- define "service.alert.labels" -}}
severity: {{ .severity }}
namespace: {{ .root.Release.Namespace }}
service: {{ include "service.name" .root }}
owner: {{ .root.Values.monitoring.owner | quote }}
{{- end }}

{{/* Labels of Prometheus Operator objects; each installation selects them by its own labels. */}}
{{- define "service.monitoring.labels" -}}
{{ include "service.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}
