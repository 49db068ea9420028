{{/*
Names, labels and references that several objects share.

All objects have the name of the service, not of the release, because other services reach it by that
name. A namespace can therefore have only one release.
*/}}
{{- define "service.name" -}}
{{ .Chart.Name }}
{{- end }}

{{/* Selector for the pods of one component: (dict "root" $ "component" "api"). */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ include "service.name" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of every object but pods. */}}
{{- define "service.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ include "service.version" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The version, in the form of a label value. */}}
{{- define "service.version" -}}
{{ .Values.image.tag | default .Chart.AppVersion | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{/* The image, by digest if set: a tag can move. */}}
{{- define "service.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* The label that lets a pod call a service: (dict "service" "inventory"). */}}
{{- define "service.clientLabel" -}}
{{ .service }}-client: "true"
{{- end }}

{{/* Egress rule for the cluster's DNS. */}}
{{- define "service.egress.dns" -}}
- to: {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Egress rule for an entry of networkPolicy with `to` and `port`. */}}
{{- define "service.egress.to" -}}
- to: {{- toYaml .to | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}
