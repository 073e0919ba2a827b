{{- define "nats.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "nats.metadata" (list .root "nats" (include "nats.names" .root | fromYaml).config) | nindent 2 }}
data:
  nats.conf: |
    {{- include "nats.conf" .root | nindent 4 }}
{{- end }}

{{- define "nats.service" -}}
{{- $ports := .by.ports -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "nats.metadata" (list .root "nats" (include "nats.names" .root | fromYaml).service) | nindent 2 }}
spec:
  selector:
    {{- include "nats.selector" (list .root "nats") | nindent 4 }}
  ports:
    {{- range include "nats.listeners" .root | fromJsonArray }}
    {{- $port := get $ports .name }}
    {{- if $port.enabled }}
    - {{ merge (dict "name" .name "targetPort" .name "appProtocol" .protocol) (omit $port "enabled") (dict "port" .port) | toJson }}
    {{- end }}
    {{- end }}
{{- end }}

{{- define "nats.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "nats.metadata" (list .root "nats" (include "nats.names" .root | fromYaml).headless) | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "nats.selector" (list .root "nats") | nindent 4 }}
  ports:
    {{- range include "nats.listeners" .root | fromJsonArray }}
    - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }}, appProtocol: {{ .protocol }}}
    {{- end }}
{{- end }}

{{- define "nats.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "nats.metadata" (list .root "nats" (include "nats.names" .root | fromYaml).budget) | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "nats.selector" (list .root "nats") | nindent 6 }}
{{- end }}

{{- define "nats.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "nats.metadata" (list .root "nats" (include "nats.names" .root | fromYaml).account) | nindent 2 }}
{{- end }}

{{- define "nats.podMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  {{- include "nats.metadata" (list .root "nats" (include "nats.names" .root | fromYaml).podMonitor) | nindent 2 }}
spec:
  podMetricsEndpoints:
    - port: prom-metrics
  selector:
    matchLabels:
      {{- include "nats.selector" (list .root "nats") | nindent 6 }}
{{- end }}

{{- define "nats.ingress" -}}
{{- $by := .by -}}
{{- $names := include "nats.names" .root | fromYaml -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "nats.metadata" (list .root "nats" $names.ingress) | nindent 2 }}
spec:
  {{- with .by.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  rules:
    {{- range .by.hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - path: {{ $by.path | quote }}
            pathType: {{ $by.pathType | quote }}
            backend: {service: {name: {{ $names.service }}, port: {name: websocket}}}
    {{- end }}
  {{- with .by.tlsSecretName }}
  tls:
    - secretName: {{ . | quote }}
      hosts: {{ toJson $by.hosts }}
  {{- end }}
{{- end }}
