{{/*
What is between this service and others on the wire: the proxies of Istio, beside the pods that
serve and the pods that test them. A migration talks to the database only, and has none.
*/}}
{{- define "service.ports" -}}
{{- toJson .Values.ports }}
{{- end }}

{{/* The port of the API; peers have theirs at the same. */}}
{{- define "service.apiPort" -}}
8000
{{- end }}

{{/* Labels and annotations of pods: (dict "root" $ "component" "api"). */}}
{{- define "service.wire.labels" -}}
sidecar.istio.io/inject: {{ ne .component "migration" | quote }}
{{- end }}
{{- define "service.wire.annotations" -}}
{{- if ne .component "migration" -}}
# The proxy starts before the other containers, and ends after them: so a test can end.
sidecar.istio.io/nativeSidecar: "true"
{{- end }}
{{- end }}

{{/* Where proxies take what other proxies send, if not at its own port. */}}
{{- define "service.wire.port" -}}
{{- end }}

{{/* Egress rules of the pods: to where the proxies get certificates and configuration. */}}
{{- define "service.wire.egress" -}}
- to: {{- toYaml .Values.istio.controlPlane.to | nindent 4 }}
  ports:
    - {protocol: TCP, port: 15012}
{{- end }}

{{/* How Prometheus asks for metrics: with the certificate that its own proxy has written for it. */}}
{{- define "service.wire.scrape" -}}
scheme: https
tlsConfig:
  caFile: /etc/prom-certs/root-cert.pem
  certFile: /etc/prom-certs/cert-chain.pem
  keyFile: /etc/prom-certs/key.pem
  insecureSkipVerify: true # pods have no host names in their certificates
{{- end }}

{{- define "service.wire.env" -}}
{{- end }}
{{- define "service.wire.volumeMounts" -}}
{{- end }}
{{- define "service.wire.volumes" -}}
{{- end }}

{{/* The principal of a service account, `name` or `namespace/name`: (dict "root" $ "account" "checkout"). */}}
{{- define "service.istio.principal" -}}
{{- $parts := splitList "/" .account }}
{{- $namespace := ternary (first $parts) .root.Release.Namespace (eq (len $parts) 2) -}}
{{ .root.Values.istio.trustDomain }}/ns/{{ $namespace }}/sa/{{ last $parts }}
{{- end }}
