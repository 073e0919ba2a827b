{{- /* Where each context finds its credentials: a list of context, kind, dir, and secretName where it has one. */ -}}
{{- define "natsBox.credentials" -}}
{{- $found := list -}}
{{- range $context, $values := .Values.natsBox.contexts -}}
  {{- range $kind, $folder := dict "creds" "nats-creds" "nkey" "nats-nkeys" "tls" "nats-certs" -}}
    {{- with get $values $kind -}}
      {{- $dir := .dir | default (printf "/etc/%s/%s" $folder $context) | trimSuffix "/" -}}
      {{- $found = append $found (dict "context" $context "kind" $kind "dir" $dir "secretName" .secretName "values" .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{- /* "context": the name of one; its connection as an object. */ -}}
{{- define "natsBox.context" -}}
{{- $context := .context -}}
{{- $root := .root -}}
{{- $names := include "nats.names" .root | fromYaml -}}
url: nats://{{ .root.Values.service.enabled | ternary $names.service $names.headless }}
{{- range include "natsBox.credentials" .root | fromJsonArray }}
{{- if eq .context $context }}
{{- if and (eq .kind "tls") .secretName }}
cert: {{ print .dir "/" (.values.cert | default "tls.crt") | quote }}
key: {{ print .dir "/" (.values.key | default "tls.key") | quote }}
{{- else if .values.contents }}
{{ .kind }}: /etc/nats-contents/{{ $context }}.{{ eq .kind "nkey" | ternary "nk" "creds" }}
{{- else if .secretName }}
{{ .kind }}: {{ print .dir "/" (.values.key | default (eq .kind "nkey" | ternary "nats.nk" "nats.creds")) | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with $root.Values.tlsCA }}{{ if and $root.Values.config.nats.tls.enabled .enabled (or .configMapName .secretName) }}
ca: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "ca.crt") | quote }}
{{- end }}{{ end }}
{{- end }}

{{- define "natsBox.contextsSecret" -}}
{{- $root := .root -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "nats.metadata" (list .root "nats-box" (include "nats.names" .root | fromYaml).boxContexts) | nindent 2 }}
type: Opaque
stringData:
  {{- range $context, $values := .root.Values.natsBox.contexts }}
  {{ print $context ".json" | quote }}: {{ include "nats.object" (dict "root" $root "template" "natsBox.context" "context" $context "by" $values) | fromYaml | toPrettyJson | quote }}
  {{- end }}
{{- end }}

{{- /* Credentials that stand in the values themselves, by file name; nothing where there are none. */ -}}
{{- define "natsBox.contents" -}}
{{- range include "natsBox.credentials" . | fromJsonArray }}
{{- if .values.contents }}
{{ print .context (eq .kind "nkey" | ternary ".nk" ".creds") | quote }}: {{ .values.contents | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "natsBox.contentsSecret" -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "nats.metadata" (list .root "nats-box" (include "nats.names" .root | fromYaml).boxContents) | nindent 2 }}
type: Opaque
stringData:
  {{- include "natsBox.contents" .root | nindent 2 }}
{{- end }}

{{- define "natsBox.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "nats.metadata" (list .root "nats-box" (include "nats.names" .root | fromYaml).boxAccount) | nindent 2 }}
{{- end }}

{{- define "natsBox.container" -}}
{{- $root := .root -}}
{{- with .root.Values.natsBox -}}
name: nats-box
{{ include "nats.image" (list $root .container.image "") }}
command: [sh, -ec]
args:
  - |
    config="${XDG_CONFIG_HOME:-$HOME/.config}/nats"
    mkdir -p "$config"
    [ -e "$config/context" ] || ln -s /etc/nats-contexts "$config/context"
    {{- with .defaultContextName }}
    [ -e "$config/context.txt" ] || printf %s {{ . | squote }} > "$config/context.txt"
    {{- end }}
    trap 'exit 0' INT TERM
    while :; do sleep 3600 & wait $!; done
{{- with .container.env }}
env:
  {{- include "nats.env" . | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: contexts, mountPath: /etc/nats-contexts}
  {{- if include "natsBox.contents" $root }}
  - {name: contents, mountPath: /etc/nats-contents}
  {{- end }}
  {{- range include "natsBox.volumes" $root | fromJsonArray }}
  - {name: {{ .name }}, mountPath: {{ .dir | quote }}}
  {{- end }}
resources: {{ toYaml .container.resources | nindent 2 }}
{{- end }}
{{- end }}

{{- define "natsBox.volumes" -}}
{{- $volumes := list -}}
{{- range include "nats.mounts" . | fromJsonArray }}
  {{- if eq .name "tls-ca" }}{{ $volumes = append $volumes . }}{{ end -}}
{{- end -}}
{{- range include "natsBox.credentials" . | fromJsonArray }}
  {{- if .secretName -}}
    {{- $source := dict "secret" (dict "secretName" .secretName) -}}
    {{- $volumes = append $volumes (dict "name" (printf "ctx-%s-%s" .context .kind) "dir" .dir "source" $source) -}}
  {{- end -}}
{{- end -}}
{{ toJson $volumes }}
{{- end }}

{{- define "natsBox.pod" -}}
{{- $root := .root -}}
{{- $names := include "nats.names" $root | fromYaml -}}
{{- with .root.Values -}}
metadata:
  labels:
    {{- include "nats.labels" (list $root "nats-box") | nindent 4 }}
spec:
  containers:
    - {{ include "nats.object" (dict "root" $root "template" "natsBox.container" "by" .natsBox.container) | nindent 6 | trim }}
  enableServiceLinks: false
  {{- if .natsBox.serviceAccount.enabled }}
  serviceAccountName: {{ $names.boxAccount | quote }}
  {{- end }}
  {{- with .global.image.pullSecretNames }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  volumes:
    - {name: contexts, secret: {secretName: {{ $names.boxContexts }}}}
    {{- if include "natsBox.contents" $root }}
    - {name: contents, secret: {secretName: {{ $names.boxContents }}}}
    {{- end }}
    {{- range include "natsBox.volumes" $root | fromJsonArray }}
    - {{ merge (dict "name" .name) .source | toJson }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "natsBox.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "nats.metadata" (list .root "nats-box" (include "nats.names" .root | fromYaml).box) | nindent 2 }}
spec:
  replicas: 1
  selector:
    matchLabels:
      {{- include "nats.selector" (list .root "nats-box") | nindent 6 }}
  template:
    {{- include "nats.object" (dict "root" .root "template" "natsBox.pod" "by" .root.Values.natsBox.podTemplate) | nindent 4 }}
{{- end }}
