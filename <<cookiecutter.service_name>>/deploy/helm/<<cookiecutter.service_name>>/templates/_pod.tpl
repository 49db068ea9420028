{{/*
The pod that serves, as the workload has it under `template`; and the pieces that other pods of
the service are made of too.
*/}}
{{- define "service.pod" -}}
metadata:
  labels:
    {{- include "service.selector" (dict "root" . "component" "api") | nindent 4 }}
    app.kubernetes.io/version: {{ include "service.version" . | quote }}
    {{- range .Values.dependsOn }}
    {{- include "service.clientLabel" (dict "service" .) | nindent 4 }}
    {{- end }}
    {{- with include "transport.labels" (dict "root" . "component" "api") }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Pods read their configuration when they start: new values, new pods.
    checksum/config: {{ toJson .Values.config | sha256sum }}
    {{- with include "transport.annotations" (dict "root" . "component" "api") }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "service.name" . }}
  {{- include "service.podSecurity" . | nindent 2 }}
  # From SIGTERM on the service is not ready and goes on serving, then finishes what is in flight.
  # A preStop hook would only put the same wait in front of it.
  terminationGracePeriodSeconds: {{ include "service.terminationGracePeriodSeconds" . }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "service.selector" (dict "root" $ "component" "api") | nindent 10 }}
      matchLabelKeys: [{{ include "service.hashLabel" $ }}]
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if .Values.volume }}
  # The file is on this pod's volume, so this pod brings it up to date.
  initContainers:
    {{- include "service.migrateContainer" . | nindent 4 }}
  {{- end }}
  containers:
    - name: api
      {{- include "service.image.spec" . | nindent 6 }}
      {{- include "service.env" . | nindent 6 }}
        {{- with include "transport.env" . }}
        {{- . | nindent 8 }}
        {{- end }}
      ports:
        {{- range $name, $number := include "transport.ports" . | fromJson }}
        - {name: {{ $name }}, containerPort: {{ $number }}}
        {{- end }}
      startupProbe:
        httpGet: {path: /health/startup, port: http}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      resources: {{- toYaml .Values.resources | nindent 8 }}
      {{- include "service.containerSecurity" . | nindent 6 }}
      volumeMounts:
        {{- include "service.volumeMounts" . | nindent 8 }}
        {{- with include "transport.volumeMounts" . }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .Values.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "service.volumes" . | nindent 4 }}
    {{- with include "transport.volumes" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Drain, grace and some seconds to spare. */}}
{{- define "service.terminationGracePeriodSeconds" -}}
{{- with .Values.config -}}
{{ add (ceil (float64 .SHUTDOWN_DRAIN_SECONDS)) (int .SHUTDOWN_GRACE_SECONDS) 5 }}
{{- end }}
{{- end }}

{{/* Bring the database up to date. It needs nothing but the database's address. */}}
{{- define "service.migrateContainer" -}}
- name: migrate
  {{- include "service.image.spec" . | nindent 2 }}
  command: [python, -m, << cookiecutter.__package >>, migrate]
  {{- if .Values.volume }}
  {{- include "service.env" . | nindent 2 }}
  {{- else }}
  env:
    - name: DATABASE_URL
      valueFrom:
        secretKeyRef: {name: {{ include "service.migrationSecret" . }}, key: DATABASE_URL}
  {{- end }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  {{- include "service.containerSecurity" . | nindent 2 }}
  volumeMounts:
    {{- include "service.volumeMounts" . | nindent 4 }}
{{- end }}

{{- define "service.image.spec" -}}
image: {{ include "service.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* The environment: plain values, secret ones, and what only the cluster knows. */}}
{{- define "service.env" -}}
envFrom:
  - configMapRef: {name: {{ include "service.name" . }}}
  {{- with .Values.secret.name }}
  - secretRef: {name: {{ . }}}
  {{- end }}
env:
  - name: POD_NAME
    valueFrom:
      fieldRef: {fieldPath: metadata.name}
  - name: OTEL_RESOURCE_ATTRIBUTES
    value: service.version={{ include "service.version" . }},service.instance.id=$(POD_NAME),k8s.namespace.name={{ .Release.Namespace }}
{{- end }}

{{/* What Pod Security's `restricted` asks for, and no token for the cluster's API. */}}
{{- define "service.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  {{- if .Values.volume }}
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "service.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
{{- end }}

{{- define "service.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.volume }}
- {name: data, mountPath: /data}
{{- end }}
{{- end }}

{{- define "service.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if .Values.volume }}
- name: data
  persistentVolumeClaim: {claimName: {{ include "service.name" . }}}
{{- end }}
{{- end }}

{{/* Checks of the scanner that do not hold here, each with the reason: annotations of what has pods. */}}
{{- define "service.checkovExceptions" -}}
checkov.io/skip1: CKV_K8S_11=A CPU limit throttles while the node is idle; the request is what is guaranteed
checkov.io/skip2: CKV_K8S_15=An image is named by its digest or by a tag that is never moved
checkov.io/skip3: CKV_K8S_35=The service takes its configuration from the environment only
{{- end }}
