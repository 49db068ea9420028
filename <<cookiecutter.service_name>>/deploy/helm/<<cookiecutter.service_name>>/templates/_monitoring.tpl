{{/*
The requests that count, as label matchers: what callers sent to the API of this service. Probes,
scrapes and documentation are not among them.
*/}}
{{- define "service.requests" -}}
{{ include "service.series" . }},http_route=~"/api/.*"
{{- end }}

{{/* All series that Prometheus scrapes from this service. */}}
{{- define "service.series" -}}
namespace="{{ .Release.Namespace }}",job="{{ include "service.name" . }}"
{{- end }}

{{/* Labels of an alert: who is told, about what, and how loudly: (dict "root" $ "severity" "warning"). */}}
{{- define "service.alert.labels" -}}
severity: {{ .severity }}
namespace: {{ .root.Release.Namespace }}
service: {{ include "service.name" .root }}
owner: {{ .root.Values.monitoring.owner | quote }}
{{- end }}

{{/* Objects of the Prometheus operator are found by labels that each installation chooses. */}}
{{- define "service.monitoring.labels" -}}
{{ include "service.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}
