{{/*
Transport between this service and others: mutual TLS by the service itself if tls.enabled is set
(docs/mtls.md). Then the API uses https; health and metrics stay on http.
*/}}
{{- define "transport.ports" -}}
{{- $ports := deepCopy .Values.ports }}
{{- if .Values.tls.enabled }}
{{- $_ := set $ports "https" 8443 }}
{{- end }}
{{- toJson $ports }}
{{- end }}

{{/* The port of the API, also of the peers. */}}
{{- define "transport.apiPort" -}}
{{ ternary 8443 8000 .Values.tls.enabled }}
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
{{- if .Values.tls.enabled -}}
- {name: TLS_CERT_FILE, value: /var/run/secrets/tls/tls.crt}
- {name: TLS_KEY_FILE, value: /var/run/secrets/tls/tls.key}
- {name: TLS_CLIENT_CA_FILE, value: /var/run/secrets/tls/ca.crt}
{{- end }}
{{- end }}

{{- define "transport.volumeMounts" -}}
{{- if .Values.tls.enabled -}}
# The folder, not its files: files mounted by subPath don't follow changes of the Secret.
- {name: tls, mountPath: /var/run/secrets/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "transport.volumes" -}}
{{- if .Values.tls.enabled -}}
- name: tls
  secret: {secretName: {{ .Values.tls.secretName }}}
{{- end }}
{{- end }}
