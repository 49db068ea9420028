{{/*
Transport between this service and others: Istio proxies in the pods of the service and of its smoke
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
sidecar.istio.io/inject: {{ ne .component "migration" | quote }}
{{- end }}
{{- define "transport.annotations" -}}
{{- if ne .component "migration" -}}
# A native sidecar starts before the other containers and stops after them, so test pods can complete.
sidecar.istio.io/nativeSidecar: "true"
{{- end }}
{{- end }}

{{/* The inbound port of a mesh's proxy. */}}
{{- define "transport.proxyPort" -}}
{{- end }}

{{/* Egress rules of the pods: the control plane, for certificates and configuration. */}}
{{- define "transport.egress" -}}
- to: {{- toYaml .Values.istio.controlPlane.to | nindent 4 }}
  ports:
    - {protocol: TCP, port: 15012}
{{- end }}

{{/* Scrape settings: Prometheus uses the certificate that its own proxy writes. */}}
{{- define "transport.scrape" -}}
scheme: https
tlsConfig:
  caFile: /etc/prom-certs/root-cert.pem
  certFile: /etc/prom-certs/cert-chain.pem
  keyFile: /etc/prom-certs/key.pem
  insecureSkipVerify: true # the certificates of pods contain no host names
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
