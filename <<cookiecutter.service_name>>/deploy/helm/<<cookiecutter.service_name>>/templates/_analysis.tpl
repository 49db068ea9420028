{{/*
How a version is judged, as `metrics` of an AnalysisTemplate: by what Prometheus measured on its
own pods, told from those of the other version by the label that Argo Rollouts puts on them.

The windows of two measurements do not overlap, so one bad moment counts once. While the version
has had too few requests, the answer is empty: then neither condition holds, and the measurement
is inconclusive.
*/}}
{{- define "service.analysis.metrics" -}}
{{- $requests := include "service.analysis.matchers" (include "service.requests" .) }}
{{- $window := .Values.rollout.analysis.window }}
{{- $enough := printf "sum(increase(http_server_request_duration_seconds_count{%s}[%s])) >= %v" $requests $window .Values.rollout.analysis.minimumRequests }}
{{- with .Values.rollout.analysis }}
- name: errors
  {{- include "service.analysis.limits" . | nindent 2 }}
  successCondition: len(result) > 0 && result[0] < {{ .errorRatio }}
  failureCondition: len(result) > 0 && result[0] >= {{ .errorRatio }}
  provider:
    prometheus:
      address: {{ .prometheus }}
      query: |-
        (
          sum(rate(http_server_request_duration_seconds_count{ {{- $requests -}} ,http_response_status_code=~"5.."}[{{ $window }}]))
            or vector(0)
        )
          / sum(rate(http_server_request_duration_seconds_count{ {{- $requests -}} }[{{ $window }}]))
        and {{ $enough }}
- name: latency
  {{- include "service.analysis.limits" . | nindent 2 }}
  successCondition: len(result) > 0 && result[0] <= {{ .latency.seconds }}
  failureCondition: len(result) > 0 && result[0] > {{ .latency.seconds }}
  provider:
    prometheus:
      address: {{ .prometheus }}
      query: |-
        histogram_quantile({{ .latency.quantile }}, sum by (le) (rate(http_server_request_duration_seconds_bucket{ {{- $requests -}} }[{{ $window }}])))
        and {{ $enough }}
{{- end }}
{{- end }}

{{/* The first window begins with the version's first requests. */}}
{{- define "service.analysis.limits" -}}
initialDelay: {{ .window }}
interval: {{ .window }}
count: {{ .count }}
failureLimit: {{ .failureLimit }}
inconclusiveLimit: {{ .inconclusiveLimit }}
{{- end }}

{{/* Label matchers for one version: Argo Rollouts fills in the argument. */}}
{{- define "service.analysis.matchers" -}}
{{ . }},rollouts_pod_template_hash="{{ "{{ args.pod-template-hash }}" }}"
{{- end }}

{{/* The arguments of an analysis of the version that is being rolled out. */}}
{{- define "service.analysis.args" -}}
- name: pod-template-hash
  valueFrom: {podTemplateHashValue: Latest}
{{- end }}
