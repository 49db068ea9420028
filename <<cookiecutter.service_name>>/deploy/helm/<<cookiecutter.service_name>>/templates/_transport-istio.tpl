{{/*
The transport between this service and others: the proxies of Istio, beside the pods that
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
sidecar.istio.io/inject: {{ ne .component "migration" | quote }}
{{- end }}
{{- define "transport.annotations" -}}
{{- if ne .component "migration" -}}
# The proxy starts before the other containers, and ends after them: so a test can end.
sidecar.istio.io/nativeSidecar: "true"
{{- end }}
{{- end }}

{{/* The port on which the proxy of a mesh takes connections from other proxies. */}}
{{- define "transport.proxyPort" -}}
{{- end }}

{{/* Egress rules of the pods: to where the proxies get certificates and configuration. */}}
{{- define "transport.egress" -}}
- to: {{- toYaml .Values.istio.controlPlane.to | nindent 4 }}
  ports:
    - {protocol: TCP, port: 15012}
{{- end }}

{{/* How Prometheus scrapes: with the certificate that its own proxy has written for it. */}}
{{- define "transport.scrape" -}}
scheme: https
tlsConfig:
  caFile: /etc/prom-certs/root-cert.pem
  certFile: /etc/prom-certs/cert-chain.pem
  keyFile: /etc/prom-certs/key.pem
  insecureSkipVerify: true # pods have no host names in their certificates
{{- end }}

{{- define "transport.env" -}}
{{- end }}
{{- define "transport.volumeMounts" -}}
{{- end }}
{{- define "transport.volumes" -}}
{{- end }}

{{/* The principal of a service account, `name` or `namespace/name`: (dict "root" $ "account" "checkout"). */}}
{{- define "service.istio.principal" -}}
{{- $parts := splitList "/" .account }}
{{- $namespace := ternary (first $parts) .root.Release.Namespace (eq (len $parts) 2) -}}
{{ .root.Values.istio.trustDomain }}/ns/{{ $namespace }}/sa/{{ last $parts }}
{{- end }}
