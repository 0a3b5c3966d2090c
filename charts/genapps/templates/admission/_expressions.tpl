{{/* Who asks, in CEL. Comparisons of names come first where these are used: an authorizer check may be a remote call. */}}
{{- define "genapps.cel.isOperator" -}}
request.userInfo.username == 'system:serviceaccount:{{ .Release.Namespace }}:genapps-operator'
{{- end }}

{{- define "genapps.cel.isGateway" -}}
request.userInfo.username == 'system:serviceaccount:{{ .Release.Namespace }}:genapps-gateway'
{{- end }}

{{/* The cluster's own cleaners; where the controller manager has no accounts for its parts, itself. */}}
{{- define "genapps.cel.isCleaner" -}}
request.userInfo.username in ['system:serviceaccount:kube-system:namespace-controller', 'system:serviceaccount:kube-system:generic-garbage-collector', 'system:kube-controller-manager']
{{- end }}

{{/* Verbs on the records of the system namespace: `restore` may write what has one writer, `purge` may remove it. */}}
{{- define "genapps.cel.mayRestore" -}}
authorizer.group('genapps.dev').resource('apprecords').subresource('restore').namespace('{{ .Release.Namespace }}').check('update').allowed()
{{- end }}

{{- define "genapps.cel.mayPurge" -}}
authorizer.group('genapps.dev').resource('apprecords').subresource('purge').namespace('{{ .Release.Namespace }}').check('update').allowed()
{{- end }}

{{/* A verb on the GeneratedApp in question: resume, resume-repeated, promote. */}}
{{- define "genapps.cel.may" -}}
authorizer.group('genapps.dev').resource('generatedapps').subresource('{{ . }}').namespace(object.metadata.namespace).name(object.metadata.name).check('update').allowed()
{{- end }}

{{/* The command of `genapps state`, by somebody with that verb for that app; `command` is a variable of the policy. */}}
{{- define "genapps.cel.asksForState" -}}
variables.command.size() == 7 && variables.command[0] == 'genapps-runtime' && variables.command[1] == 'state' && variables.command[2] in ['list', 'export', 'delete'] && variables.command[6] == request.userInfo.username && dyn(object).?container.orValue('') == 'runtime' && !dyn(object).?stdin.orValue(false) && !dyn(object).?tty.orValue(false) && authorizer.group('genapps.dev').resource('generatedapps').subresource('state').namespace(variables.command[3]).name(variables.command[4]).check(variables.command[2]).allowed()
{{- end }}

{{/* Nothing but labels and annotations differs from what is stored. */}}
{{- define "genapps.cel.sameRecord" -}}
oldObject != null && object.record == oldObject.record && object.metadata.?finalizers == oldObject.metadata.?finalizers && object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences
{{- end }}

{{- define "genapps.cel.list" -}}
[{{ range $index, $name := . }}{{ if $index }}, {{ end }}'{{ $name }}'{{ end }}]
{{- end }}

{{/* Head and binding of a policy; `root` is the chart's context, `budgets` gives it every AppBudget as parameter. */}}
{{- define "genapps.admission.policy" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ .name }}
  labels: {{- include "genapps.labels" .root | nindent 4 }}
{{- end }}

{{- define "genapps.admission.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels: {{- include "genapps.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
  {{- if .budgets }}
  # With every AppBudget in turn; that there is none is the operator's to report.
  paramRef: {selector: {}, parameterNotFoundAction: Allow}
  {{- end }}
{{- end }}
