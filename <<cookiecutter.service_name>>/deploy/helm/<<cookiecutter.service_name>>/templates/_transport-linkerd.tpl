{{/*
Transport between this service and others: Linkerd proxies in the pods of the service and of its smoke
tests. The migration connects to the database only and has no proxy.
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
{{- if eq .component "migration" -}}
linkerd.io/inject: disabled
{{- else -}}
linkerd.io/inject: enabled
# A native sidecar starts before the other containers and stops after them, so test pods can complete.
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
{{- end }}
{{- end }}

{{/* The inbound port of the proxies, for connections from other proxies to any port. */}}
{{- define "transport.proxyPort" -}}
4143
{{- end }}

{{/* Egress rules of the pods: the control plane, for certificates, addresses and policies. */}}
{{- define "transport.egress" -}}
- to: {{- toYaml .Values.linkerd.controlPlane.to | nindent 4 }}
  ports:
    {{- range tuple 8080 8086 8090 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
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

{{/* The identity of a service account, `name` or `namespace/name`: (dict "root" $ "account" "checkout"). */}}
{{- define "service.linkerd.identity" -}}
{{- $parts := splitList "/" .account }}
{{- $namespace := ternary (first $parts) .root.Release.Namespace (eq (len $parts) 2) -}}
{{ last $parts }}.{{ $namespace }}.serviceaccount.identity.{{ .root.Values.linkerd.namespace }}.{{ .root.Values.linkerd.trustDomain }}
{{- end }}

{{/* A reference in an AuthorizationPolicy: (dict "kind" "Server" "name" "<name>"). */}}
{{- define "service.linkerd.ref" -}}
{group: policy.linkerd.io, kind: {{ .kind }}, name: {{ .name }}}
{{- end }}
