{{/*
Transport between this service and others: plain HTTP for the API, health and metrics.
*/}}
{{- define "transport.ports" -}}
{{- toJson .Values.ports }}
{{- end }}

{{/* The port of the API, also of the peers. */}}
{{- define "transport.apiPort" -}}
8000
{{- end }}

{{/* Labels and annotations of pods: (dict "root" $ "component" "api"). */}}
{{- define "transport.labels" -}}
{{- end }}
{{- define "transport.annotations" -}}
{{- end }}

{{/* The inbound port of a mesh's proxy. */}}
{{- define "transport.proxyPort" -}}
{{- end }}

{{/* Egress rules of the pods. */}}
{{- define "transport.egress" -}}
{{- end }}

{{/* Scrape settings of Prometheus. */}}
{{- define "transport.scrape" -}}
{{- end }}

{{- define "transport.env" -}}
{{- end }}
{{- define "transport.volumeMounts" -}}
{{- end }}
{{- define "transport.volumes" -}}
{{- end }}
