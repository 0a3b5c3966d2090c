{{- define "genapps.labels" -}}
app.kubernetes.io/name: genapps
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "genapps.selector.operator" -}}
app.kubernetes.io/name: genapps
app.kubernetes.io/component: operator
{{- end }}

{{- define "genapps.selector.gateway" -}}
app.kubernetes.io/name: genapps
app.kubernetes.io/component: gateway
{{- end }}

{{- define "genapps.selector.test" -}}
app.kubernetes.io/name: genapps
app.kubernetes.io/component: test
{{- end }}

{{- define "genapps.selector.fenceCheck" -}}
app.kubernetes.io/name: genapps
app.kubernetes.io/component: fence-check
{{- end }}

{{/* Pod Security "restricted", for the pod and for each container. */}}
{{- define "genapps.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.apps.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "genapps.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Liveness and readiness on the metrics port, the same for both processes. */}}
{{- define "genapps.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 1
  timeoutSeconds: 2
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}

{{/* The API server has no labels a policy could select: its addresses where they are given, else its ports only. */}}
{{- define "genapps.apiServerEgress" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.apiServerCIDRs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "genapps.metricsIngress" -}}
{{- with .Values.networkPolicy.metricsFrom }}
- ports: [{protocol: TCP, port: 9090}]
  from: {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "genapps.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where the pods of a process run; the argument is that process's values. */}}
{{- define "genapps.placement" -}}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether the objects of the Prometheus operator are wanted and known here. */}}
{{- define "genapps.monitored" -}}
{{- if and .Values.monitoring.enabled (not .Values.networkPolicy.metricsFrom) }}
{{- fail "monitoring.enabled: no peer may scrape; add the pods of Prometheus to networkPolicy.metricsFrom" }}
{{- end }}
{{- if and .Values.monitoring.enabled (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") }}true{{ end }}
{{- end }}

{{- define "genapps.monitoringLabels" -}}
{{- include "genapps.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}
