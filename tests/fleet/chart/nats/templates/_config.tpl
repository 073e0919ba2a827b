{{- /* The server's configuration as an object. Sections that are maps of their own know merge and patch. */ -}}
{{- define "nats.config" -}}
{{- $root := .root -}}
{{- $config := .root.Values.config -}}
server_name: "<< $SERVER_NAME >>"
pid_file: /var/run/nats/nats.pid
lame_duck_grace_period: 10s
lame_duck_duration: 30s
port: {{ $config.nats.port }}
{{- include "nats.config.tls" (list $root $config.nats) }}
{{- if $config.monitor.enabled }}
{{ if $config.monitor.tls.enabled }}https_port{{ else }}http_port{{ end }}: {{ $config.monitor.port }}
{{- end }}
{{- if $config.profiling.enabled }}
prof_port: {{ $config.profiling.port }}
{{- end }}
{{- range list "cluster" "gateway" "jetstream" "leafnodes" "mqtt" "resolver" "websocket" }}
{{- $section := get $config . }}
{{- if $section.enabled }}
{{ . }}:
  {{- include "nats.object" (dict "root" $root "template" (print "nats.config." .) "section" $section "by" $section) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nats.config.cluster" -}}
{{- $names := include "nats.names" .root | fromYaml -}}
{{- $urls := .section.routeURLs -}}
{{- $domain := $names.headless -}}
{{- if $urls.useFQDN }}{{ $domain = printf "%s.%s.svc.%s" $domain (include "nats.namespace" .root) $urls.k8sClusterDomain }}{{ end -}}
{{- $login := "" -}}
{{- if and $urls.user $urls.password }}{{ $login = printf "%s:%s@" (urlquery $urls.user) (urlquery $urls.password) }}{{ end -}}
{{- $scheme := .section.tls.enabled | ternary "tls" "nats" -}}
{{- $port := int .section.port -}}
name: {{ $names.statefulSet }}
port: {{ .section.port }}
no_advertise: {{ .section.noAdvertise }}
routes:
{{- range until (int .section.replicas) }}
  - {{ printf "%s://%s%s-%d.%s:%d" $scheme $login $names.statefulSet . $domain $port }}
{{- end }}
{{- if $login }}
authorization:
  user: {{ $urls.user | quote }}
  password: {{ $urls.password | quote }}
{{- end }}
{{- include "nats.config.tls" (list .root .section) }}
{{- end }}

{{- define "nats.config.gateway" -}}
name: {{ (include "nats.names" .root | fromYaml).statefulSet }}
port: {{ .section.port }}
{{- include "nats.config.tls" (list .root .section) }}
{{- end }}

{{- define "nats.config.leafnodes" -}}
port: {{ .section.port }}
no_advertise: true
{{- include "nats.config.tls" (list .root .section) }}
{{- end }}

{{- define "nats.config.mqtt" -}}
port: {{ .section.port }}
{{- include "nats.config.tls" (list .root .section) }}
{{- end }}

{{- define "nats.config.websocket" -}}
port: {{ .section.port }}
{{- if not .section.tls.enabled }}
no_tls: true
{{- end }}
{{- include "nats.config.tls" (list .root .section) }}
{{- end }}

{{- define "nats.config.resolver" -}}
dir: {{ .section.dir }}
{{- end }}

{{- define "nats.config.jetstream" -}}
{{- $file := .section.fileStore -}}
{{- $memory := .section.memoryStore -}}
{{- if not $memory.enabled }}
max_memory_store: 0
{{- else if $memory.maxSize }}
max_memory_store: "<< {{ $memory.maxSize }} >>"
{{- end }}
{{- if not $file.enabled }}
max_file_store: 0
{{- else }}
store_dir: {{ $file.dir }}
{{- with $file.maxSize | default (and $file.pvc.enabled $file.pvc.size) }}
max_file_store: "<< {{ . }} >>"
{{- end }}
{{- end }}
{{- end }}

{{- /* (list root section): the `tls` key of a section, or nothing. */ -}}
{{- define "nats.config.tls" -}}
{{- $tls := (last .).tls -}}
{{- if $tls.enabled }}
tls:
  {{- include "nats.object" (dict "root" (first .) "template" "nats.tls" "tls" $tls "by" $tls) | nindent 2 }}
{{- end }}
{{- end }}

{{- define "nats.tls" -}}
{{- with .tls }}{{ if .secretName }}
cert_file: {{ printf "%s/%s" (trimSuffix "/" .dir) (.cert | default "tls.crt") | quote }}
key_file: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "tls.key") | quote }}
{{- end }}{{ end }}
{{- with .root.Values.tlsCA }}{{ if and .enabled (or .configMapName .secretName) }}
ca_file: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "ca.crt") | quote }}
{{- end }}{{ end }}
{{- end }}

{{- /* The text of nats.conf. The JSON writer escapes <, > and &, which the server's parser would take literally. */ -}}
{{- define "nats.conf" -}}
{{- $config := include "nats.object" (dict "root" . "template" "nats.config" "by" .Values.config) | fromYaml -}}
{{- $text := toPrettyJson $config | replace "\\u003c" "<" | replace "\\u003e" ">" | replace "\\u0026" "&" -}}
{{- $text = regexReplaceAll `"[^"]*\$include": "(.*)",?` $text "include ${1};" -}}
{{ regexReplaceAll `"<<\s+(.*?)\s+>>"` $text "${1}" }}
{{- end }}

{{- /* The files besides nats.conf that the reloader has to watch, as arguments. */ -}}
{{- define "nats.config.files" -}}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
{{- include "nats.config.files" $value }}
{{- else if hasSuffix "$include" $key }}
- -config
- {{ clean (print "/etc/nats-config/" $value) | quote }}
{{- else if has $key (list "ca_file" "cert_file" "key_file") }}
- -config
- {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
