{{- /* (list root image default-tag) */ -}}
{{- define "nats.image" -}}
{{- $global := (first .).Values.global.image -}}
{{- $tag := last . -}}
{{- with index . 1 -}}
{{- $image := print .repository ":" (.tag | default $tag) -}}
{{- if .digest }}{{ $image = print .repository "@" .digest }}{{ end -}}
{{- with .registry | default $global.registry }}{{ $image = print . "/" $image }}{{ end -}}
image: {{ .fullImageName | default $image }}
{{- with .pullPolicy | default $global.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The value's map of variables as the list that Kubernetes takes. */ -}}
{{- define "nats.env" -}}
{{- range $name, $value := . }}
{{- if kindIs "string" $value }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- else if kindIs "map" $value }}
- {{ merge (dict "name" $name) $value | toYaml | nindent 2 | trim }}
{{- else }}
{{- fail (printf "env var %s must be string or map, got %s" $name (kindOf $value)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The listeners of this configuration, in order, with what a Service says about them. */ -}}
{{- define "nats.listeners" -}}
{{- $config := .Values.config -}}
{{- $listeners := list -}}
{{- range list "nats" "leafnodes" "websocket" "mqtt" "cluster" "gateway" "monitor" "profiling" -}}
  {{- $section := get $config . -}}
  {{- if or (eq . "nats") $section.enabled -}}
    {{- $tls := and (hasKey $section "tls") $section.tls.enabled -}}
    {{- $protocol := has . (list "websocket" "monitor") | ternary ($tls | ternary "https" "http") ($tls | ternary "tls" "tcp") -}}
    {{- $listeners = append $listeners (dict "name" . "port" $section.port "protocol" $protocol) -}}
  {{- end -}}
{{- end -}}
{{ toJson $listeners }}
{{- end }}

{{- /* (list root path period failures) */ -}}
{{- define "nats.probe" -}}
{{- $monitor := (first .).Values.config.monitor -}}
httpGet:
  path: {{ index . 1 | quote }}
  port: monitor
  {{- if $monitor.tls.enabled }}
  scheme: HTTPS
  {{- end }}
initialDelaySeconds: 10
periodSeconds: {{ index . 2 }}
timeoutSeconds: 5
successThreshold: 1
failureThreshold: {{ last . }}
{{- end }}

{{- define "nats.container" -}}
{{- $root := .root -}}
{{- $names := include "nats.names" $root | fromYaml -}}
{{- with .root.Values -}}
name: nats
{{ include "nats.image" (list $root .container.image (print $root.Chart.AppVersion "-alpine")) }}
args: [--config, /etc/nats-config/nats.conf]
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: SERVER_NAME
    value: {{ print .config.serverNamePrefix "$(POD_NAME)" | quote }}
  {{- include "nats.env" .container.env | nindent 2 }}
ports:
{{- range include "nats.listeners" $root | fromJsonArray }}
  - {{ merge (dict "name" .name "containerPort" .port) (get $root.Values.container.ports .name | default dict) | toYaml | nindent 4 | trim }}
{{- end }}
lifecycle:
  preStop: {exec: {command: [nats-server, "-sl=ldm=/var/run/nats/nats.pid"]}}
{{- if .config.monitor.enabled }}
startupProbe:
  {{- include "nats.probe" (list $root "/healthz" 10 90) | nindent 2 }}
readinessProbe:
  {{- include "nats.probe" (list $root "/healthz?js-server-only=true" 10 3) | nindent 2 }}
livenessProbe:
  {{- include "nats.probe" (list $root "/healthz?js-enabled-only=true" 30 3) | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/nats-config}
  - {name: pid, mountPath: /var/run/nats}
  {{- with .config.jetstream }}{{ if and .enabled .fileStore.enabled .fileStore.pvc.enabled }}
  - {name: {{ $names.jetstream }}, mountPath: {{ .fileStore.dir | quote }}}
  {{- end }}{{ end }}
  {{- with .config.resolver }}{{ if and .enabled .pvc.enabled }}
  - {name: {{ $names.resolver }}, mountPath: {{ .dir | quote }}}
  {{- end }}{{ end }}
  {{- range include "nats.mounts" $root | fromJsonArray }}
  - {name: {{ .name }}, mountPath: {{ .dir | quote }}}
  {{- end }}
resources: {{ toYaml .container.resources | nindent 2 }}
{{- end }}
{{- end }}

{{- define "nats.reloader" -}}
{{- $prefixes := .root.Values.reloader.natsVolumeMountPrefixes -}}
name: reloader
{{ include "nats.image" (list .root .root.Values.reloader.image "") }}
args:
  - -pid
  - /var/run/nats/nats.pid
  - -config
  - /etc/nats-config/nats.conf
  {{- include "nats.object" (dict "root" .root "template" "nats.config" "by" .root.Values.config) | fromYaml | include "nats.config.files" | nindent 2 }}
{{- with .root.Values.reloader.env }}
env:
  {{- include "nats.env" . | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: pid, mountPath: /var/run/nats}
{{- range $mount := .server.volumeMounts }}
{{- $wanted := false }}
{{- range $prefixes }}{{ if hasPrefix . $mount.mountPath }}{{ $wanted = true }}{{ end }}{{ end }}
{{- if $wanted }}
  - {{ toJson $mount }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nats.exporter" -}}
{{- with .root.Values -}}
name: prom-exporter
{{ include "nats.image" (list $.root .promExporter.image "") }}
args:
  - -port={{ .promExporter.port }}
  - -connz
  - -routez
  - -subz
  - -varz
  - -prefix=nats
  - -use_internal_server_id
  {{- if .config.jetstream.enabled }}
  - -jsz=all
  {{- end }}
  {{- if .config.leafnodes.enabled }}
  - -leafz
  {{- end }}
  {{- if .config.gateway.enabled }}
  - -gatewayz
  {{- end }}
  - {{ .config.monitor.tls.enabled | ternary "https" "http" }}://{{ .promExporter.monitorDomain }}:{{ .config.monitor.port }}/
{{- with .promExporter.env }}
env:
  {{- include "nats.env" . | nindent 2 }}
{{- end }}
ports:
  - {name: prom-metrics, containerPort: {{ .promExporter.port }}}
{{- end }}
{{- end }}
