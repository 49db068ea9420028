{{/*
What is between this service and others on the wire: mutual TLS by the service itself, when
tls.enabled says so (docs/tls.md). The API is on https then; health and metrics stay on http.
*/}}
{{- define "service.ports" -}}
{{- $ports := deepCopy .Values.ports }}
{{- if .Values.tls.enabled }}
{{- $_ := set $ports "https" 8443 }}
{{- end }}
{{- toJson $ports }}
{{- end }}

{{/* The port of the API; peers have theirs at the same. */}}
{{- define "service.apiPort" -}}
{{ ternary 8443 8000 .Values.tls.enabled }}
{{- end }}

{{/* Labels and annotations of pods: (dict "root" $ "component" "api"). */}}
{{- define "service.wire.labels" -}}
{{- end }}
{{- define "service.wire.annotations" -}}
{{- end }}

{{/* Where proxies take what other proxies send, if not at its own port. */}}
{{- define "service.wire.port" -}}
{{- end }}

{{/* Egress rules of the pods. */}}
{{- define "service.wire.egress" -}}
{{- end }}

{{/* How Prometheus asks for metrics. */}}
{{- define "service.wire.scrape" -}}
{{- end }}

{{- define "service.wire.env" -}}
{{- if .Values.tls.enabled -}}
- {name: TLS_CERT_FILE, value: /var/run/secrets/tls/tls.crt}
- {name: TLS_KEY_FILE, value: /var/run/secrets/tls/tls.key}
- {name: TLS_CLIENT_CA_FILE, value: /var/run/secrets/tls/ca.crt}
{{- end }}
{{- end }}

{{- define "service.wire.volumeMounts" -}}
{{- if .Values.tls.enabled -}}
# The folder, not its files: those would not change when the Secret does.
- {name: tls, mountPath: /var/run/secrets/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "service.wire.volumes" -}}
{{- if .Values.tls.enabled -}}
- name: tls
  secret: {secretName: {{ .Values.tls.secretName }}}
{{- end }}
{{- end }}
