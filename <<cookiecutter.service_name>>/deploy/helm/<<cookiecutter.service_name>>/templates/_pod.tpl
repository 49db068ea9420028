{{/*
The pod template of the workload, and parts that other pods of the service share.
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
    # Pods read their configuration at startup, so a change must replace them.
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
  # After SIGTERM the service reports not ready, drains, and finishes requests in flight. A preStop
  # hook would only add another wait.
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
  # Only this pod can mount the volume with the database file.
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

{{/* Drain and grace periods, plus 5 s. */}}
{{- define "service.terminationGracePeriodSeconds" -}}
{{- with .Values.config -}}
{{ add (ceil (float64 .SHUTDOWN_DRAIN_SECONDS)) (int .SHUTDOWN_GRACE_SECONDS) 5 }}
{{- end }}
{{- end }}

{{/* The container that migrates the database. With a database server it needs only DATABASE_URL. */}}
{{- define "service.migrateContainer" -}}
- name: migrate
  {{- include "service.image.spec" . | nindent 2 }}
  command: [python, -m, {{ include "service.name" . | replace "-" "_" }}, migrate]
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

{{/* Environment: the ConfigMap, the Secret, and values from the pod's own fields. */}}
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

{{/* The `restricted` Pod Security Standard, and no token for the Kubernetes API. */}}
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

{{/* Exceptions from Checkov's checks, with reasons; annotations of every workload. */}}
{{- define "service.checkovExceptions" -}}
checkov.io/skip1: CKV_K8S_11=A CPU limit throttles the service even on an idle node; the request guarantees its share
checkov.io/skip2: CKV_K8S_15=Images are referenced by digest, or by tags that never move
checkov.io/skip3: CKV_K8S_35=The service reads its configuration from environment variables only
{{- end }}
