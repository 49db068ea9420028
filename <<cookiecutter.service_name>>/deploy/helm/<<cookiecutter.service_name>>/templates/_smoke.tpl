{{/* A pod that tests the service as a client: (dict "root" $ "url" "http://NAME:8000"). */}}
{{- define "service.smoke.pod" -}}
metadata:
  labels:
    {{- include "service.selector" (dict "root" .root "component" "smoke") | nindent 4 }}
    {{- include "service.clientLabel" (dict "service" (include "service.name" .root)) | nindent 4 }}
    {{- with include "transport.labels" (dict "root" .root "component" "smoke") }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- with include "transport.annotations" (dict "root" .root "component" "smoke") }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  {{- include "service.smoke.spec" . | nindent 2 }}
{{- end }}

{{- define "service.smoke.spec" -}}
restartPolicy: Never
{{- include "service.podSecurity" .root | nindent 0 }}
serviceAccountName: {{ include "service.name" .root }}
containers:
  - name: smoke
    {{- include "service.image.spec" .root | nindent 4 }}
    command: [python, -c]
    args:
      - |
        {{- .root.Files.Get "files/smoke.py" | nindent 8 }}
      - {{ .url }}
    resources:
      requests: {cpu: 50m, memory: 64Mi, ephemeral-storage: 16Mi}
      limits: {memory: 128Mi, ephemeral-storage: 64Mi}
    {{- include "service.containerSecurity" .root | nindent 4 }}
{{- end }}
