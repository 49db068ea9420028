{{/*
The transport between this service and others: plain HTTP, for the API as for health and metrics.
*/}}
{{- define "transport.ports" -}}
{{- toJson .Values.ports }}
{{- end }}

{{/* The port of the API. Peers serve theirs on the same one. */}}
{{- define "transport.apiPort" -}}
8000
{{- end }}

{{/* Labels and annotations of pods: (dict "root" $ "component" "api"). */}}
{{- define "transport.labels" -}}
{{- end }}
{{- define "transport.annotations" -}}
{{- end }}

{{/* The port on which the proxy of a mesh takes connections from other proxies. */}}
{{- define "transport.proxyPort" -}}
{{- end }}

{{/* Egress rules of the pods. */}}
{{- define "transport.egress" -}}
{{- end }}

{{/* How Prometheus scrapes. */}}
{{- define "transport.scrape" -}}
{{- end }}

{{- define "transport.env" -}}
{{- end }}
{{- define "transport.volumeMounts" -}}
{{- end }}
{{- define "transport.volumes" -}}
{{- end }}
