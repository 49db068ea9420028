{{/*
The `metrics` of an AnalysisTemplate: Prometheus queries on the pods of one version, selected by the
label that Argo Rollouts sets.

The windows of two measurements do not overlap, so that a short incident counts once. With fewer than
`minimumRequests`, the result is empty: neither condition holds, and the measurement is inconclusive.
The exception is a number of errors that exceeds the limit even for `minimumRequests`: it fails.
*/}}
{{- define "service.analysis.metrics" -}}
{{- $requests := include "service.analysis.matchers" (include "service.requests" .) }}
{{- with .Values.rollout.analysis }}
{{- $count := printf "sum(increase(http_server_request_duration_seconds_count{%s%%s}[%s]))" $requests .window }}
{{- $all := printf $count "" }}
{{- $errors := printf "(%s or vector(0))" (printf $count ",http_response_status_code=~\"5..\"") }}
- name: errors
  {{- include "service.analysis.limits" . | nindent 2 }}
  successCondition: len(result) > 0 && result[0] < {{ .errorRatio }}
  failureCondition: len(result) > 0 && result[0] >= {{ .errorRatio }}
  provider:
    prometheus:
      address: {{ .prometheus }}
      query: |-
        {{ $errors }}
          / clamp_min({{ $all }}, {{ .minimumRequests }})
          >= {{ .errorRatio }}
        or
        {{ $errors }}
          / {{ $all }}
        and {{ $all }} >= {{ .minimumRequests }}
- name: latency
  {{- include "service.analysis.limits" . | nindent 2 }}
  successCondition: len(result) > 0 && result[0] <= {{ .latency.seconds }}
  failureCondition: len(result) > 0 && result[0] > {{ .latency.seconds }}
  provider:
    prometheus:
      address: {{ .prometheus }}
      query: |-
        histogram_quantile({{ .latency.quantile }}, sum by (le) (rate(http_server_request_duration_seconds_bucket{ {{- $requests -}} }[{{ .window }}])))
        and {{ $all }} >= {{ .minimumRequests }}
{{- end }}
{{- end }}

{{/* The initial delay lets the first window start with the version's first requests. */}}
{{- define "service.analysis.limits" -}}
initialDelay: {{ .window }}
interval: {{ .window }}
count: {{ .count }}
failureLimit: {{ .failureLimit }}
inconclusiveLimit: {{ .inconclusiveLimit }}
{{- end }}

{{/* Label matchers for one version; Argo Rollouts sets the argument. */}}
{{- define "service.analysis.matchers" -}}
{{ . }},rollouts_pod_template_hash="{{ "{{ args.pod-template-hash }}" }}"
{{- end }}

{{/* The arguments of an analysis of the new version. */}}
{{- define "service.analysis.args" -}}
- name: pod-template-hash
  valueFrom: {podTemplateHashValue: Latest}
{{- end }}
