{{/*
The transport between this service and others: the proxies of Linkerd, beside the pods that
serve and the pods that test them. A migration talks to the database only, and has none.
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
{{- if eq .component "migration" -}}
linkerd.io/inject: disabled
{{- else -}}
linkerd.io/inject: enabled
# The proxy starts before the other containers, and ends after them: so a test can end.
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
{{- end }}
{{- end }}

{{/* The port on which the proxies take connections from other proxies, for whichever port. */}}
{{- define "transport.proxyPort" -}}
4143
{{- end }}

{{/* Egress rules of the pods: to where the proxies get certificates, addresses and policies. */}}
{{- define "transport.egress" -}}
- to: {{- toYaml .Values.linkerd.controlPlane.to | nindent 4 }}
  ports:
    {{- range tuple 8080 8086 8090 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
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

{{/* The identity of a service account, `name` or `namespace/name`: (dict "root" $ "account" "checkout"). */}}
{{- define "service.linkerd.identity" -}}
{{- $parts := splitList "/" .account }}
{{- $namespace := ternary (first $parts) .root.Release.Namespace (eq (len $parts) 2) -}}
{{ last $parts }}.{{ $namespace }}.serviceaccount.identity.{{ .root.Values.linkerd.namespace }}.{{ .root.Values.linkerd.trustDomain }}
{{- end }}

{{/* What an AuthorizationPolicy refers to: (dict "kind" "Server" "name" "<name>"). */}}
{{- define "service.linkerd.ref" -}}
{group: policy.linkerd.io, kind: {{ .kind }}, name: {{ .name }}}
{{- end }}
