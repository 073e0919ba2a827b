{{- /* What is mounted from Secrets and ConfigMaps of others: name, dir, and the volume's source. */ -}}
{{- define "nats.mounts" -}}
{{- $mounts := list -}}
{{- with .Values.tlsCA }}{{ if and .enabled (or .configMapName .secretName) -}}
  {{- $source := dict "secret" (dict "secretName" .secretName) -}}
  {{- if .configMapName }}{{ $source = dict "configMap" (dict "name" .configMapName) }}{{ end -}}
  {{- $mounts = append $mounts (dict "name" "tls-ca" "dir" .dir "source" $source) -}}
{{- end }}{{ end -}}
{{- $config := .Values.config -}}
{{- range list "nats" "leafnodes" "websocket" "mqtt" "cluster" "gateway" -}}
  {{- $section := get $config . -}}
  {{- if and (or (eq . "nats") $section.enabled) $section.tls.enabled $section.tls.secretName -}}
    {{- $source := dict "secret" (dict "secretName" $section.tls.secretName) -}}
    {{- $mounts = append $mounts (dict "name" (print . "-tls") "dir" $section.tls.dir "source" $source) -}}
  {{- end -}}
{{- end -}}
{{ toJson $mounts }}
{{- end }}

{{- define "nats.pod" -}}
{{- $root := .root -}}
{{- $names := include "nats.names" $root | fromYaml -}}
{{- $selector := include "nats.selector" (list $root "nats") | fromYaml -}}
{{- with .root.Values -}}
{{- $server := include "nats.object" (dict "root" $root "template" "nats.container" "by" .container) -}}
metadata:
  labels:
    {{- include "nats.labels" (list $root "nats") | nindent 4 }}
  {{- if .podTemplate.configChecksumAnnotation }}
  annotations:
    checksum/config: {{ include "nats.object" (dict "root" $root "template" "nats.configMap" "by" .configMap) | sha256sum }}
  {{- end }}
spec:
  containers:
    - {{ $server | nindent 6 | trim }}
    {{- if .reloader.enabled }}
    - {{ include "nats.object" (dict "root" $root "template" "nats.reloader" "by" .reloader "server" (fromYaml $server)) | nindent 6 | trim }}
    {{- end }}
    {{- if .promExporter.enabled }}
    - {{ include "nats.object" (dict "root" $root "template" "nats.exporter" "by" .promExporter) | nindent 6 | trim }}
    {{- end }}
  enableServiceLinks: false
  {{- if .reloader.enabled }}
  shareProcessNamespace: true
  {{- end }}
  terminationGracePeriodSeconds: 60
  {{- if .serviceAccount.enabled }}
  serviceAccountName: {{ $names.account | quote }}
  {{- end }}
  {{- with .global.image.pullSecretNames }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .podTemplate.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range $key, $constraint := . }}
    - {{ merge (dict "topologyKey" $key "labelSelector" (dict "matchLabels" $selector)) $constraint | toJson }}
    {{- end }}
  {{- end }}
  volumes:
    - {name: config, configMap: {name: {{ $names.config }}}}
    - {name: pid, emptyDir: {}}
    {{- range include "nats.mounts" $root | fromJsonArray }}
    - {{ merge (dict "name" .name) .source | toJson }}
    {{- end }}
{{- end }}
{{- end }}

{{- /* A volume claim template: its "name", and "by" its values. */ -}}
{{- define "nats.claim" -}}
metadata:
  name: {{ .name }}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: {{ .by.size | quote }}
  {{- with .by.storageClassName }}
  storageClassName: {{ . | quote }}
  {{- end }}
{{- end }}

{{- define "nats.statefulSet" -}}
{{- $root := .root -}}
{{- $names := include "nats.names" $root | fromYaml -}}
{{- with .root.Values -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "nats.metadata" (list $root "nats" $names.statefulSet) | nindent 2 }}
spec:
  podManagementPolicy: Parallel
  replicas: {{ if .config.cluster.enabled }}{{ .config.cluster.replicas }}{{ else }}1{{ end }}
  selector:
    matchLabels:
      {{- include "nats.selector" (list $root "nats") | nindent 6 }}
  serviceName: {{ $names.headless }}
  template:
    {{- include "nats.object" (dict "root" $root "template" "nats.pod" "by" .podTemplate) | nindent 4 }}
  volumeClaimTemplates:
    {{- with .config.jetstream }}{{ if and .enabled .fileStore.enabled .fileStore.pvc.enabled }}
    - {{ include "nats.object" (dict "template" "nats.claim" "name" $names.jetstream "by" .fileStore.pvc) | nindent 6 | trim }}
    {{- end }}{{ end }}
    {{- with .config.resolver }}{{ if and .enabled .pvc.enabled }}
    - {{ include "nats.object" (dict "template" "nats.claim" "name" $names.resolver "by" .pvc) | nindent 6 | trim }}
    {{- end }}{{ end }}
{{- end }}
{{- end }}
