{{- define "nats.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "nats.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (print .Release.Name "-" $name) -}}
{{ .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "nats.namespace" -}}
{{ .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- /* Every name an object of this chart can have, by what it is. */ -}}
{{- define "nats.names" -}}
{{- $full := include "nats.fullname" . -}}
{{- with .Values -}}
statefulSet: {{ .statefulSet.name | default $full }}
service: {{ .service.name | default $full }}
headless: {{ .headlessService.name | default (print $full "-headless") }}
config: {{ .configMap.name | default (print $full "-config") }}
budget: {{ .podDisruptionBudget.name | default $full }}
account: {{ .serviceAccount.name | default $full }}
podMonitor: {{ .promExporter.podMonitor.name | default $full }}
ingress: {{ .config.websocket.ingress.name | default (print $full "-ws") }}
jetstream: {{ .config.jetstream.fileStore.pvc.name | default (print $full "-js") }}
resolver: {{ .config.resolver.pvc.name | default (print $full "-resolver") }}
box: {{ .natsBox.deployment.name | default (print $full "-box") }}
boxAccount: {{ .natsBox.serviceAccount.name | default (print $full "-box") }}
boxContexts: {{ .natsBox.contextsSecret.name | default (print $full "-box-contexts") }}
boxContents: {{ .natsBox.contentsSecret.name | default (print $full "-box-contents") }}
{{- end }}
{{- end }}

{{- /* (list root component) */ -}}
{{- define "nats.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/component: {{ last . }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/name: {{ include "nats.name" $root }}
{{- end }}

{{- /* (list root component) */ -}}
{{- define "nats.labels" -}}
{{- $root := first . -}}
{{- with $root.Values.global.labels }}{{ toYaml . }}
{{ end -}}
{{ include "nats.selector" . }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ print $root.Chart.Name "-" $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* (list root component name) */ -}}
{{- define "nats.metadata" -}}
{{- $root := first . -}}
name: {{ last . }}
{{- with $root.Values.namespaceOverride }}
namespace: {{ . | quote }}
{{- end }}
labels:
  {{- include "nats.labels" (list $root (index . 1)) | nindent 2 }}
{{- end }}
