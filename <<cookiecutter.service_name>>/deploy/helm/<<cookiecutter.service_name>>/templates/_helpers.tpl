{{/*
Names, labels and references that several objects share.

Other services reach this one by its name, so everything in the cluster is called by it, whatever
the release is called: one release in a namespace.
*/}}
{{- define "service.name" -}}
{{ .Chart.Name }}
{{- end }}

{{/* What selects the pods of one part of the service: (dict "root" $ "component" "api"). */}}
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

{{/* The version that runs, as a label may have it. */}}
{{- define "service.version" -}}
{{ .Values.image.tag | default .Chart.AppVersion | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{/* A digest names one image for ever; a tag may move. */}}
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

{{/* Egress rule: the cluster's name server. */}}
{{- define "service.egress.dns" -}}
- to: {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Egress rule to what one entry of networkPolicy describes by `to` and `port`. */}}
{{- define "service.egress.to" -}}
- to: {{- toYaml .to | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}
