{{- define "conntrack.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: conntrack
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Of pods: without what changes when nothing of the pod does, since a new
label restarts the server. */}}
{{- define "conntrack.podLabels" -}}
{{ include "conntrack.selector" . }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: conntrack
{{- end }}

{{- define "conntrack.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "conntrack.server" -}}{{ .Release.Name }}-server{{- end }}
{{- define "conntrack.sensor" -}}{{ .Release.Name }}-sensor{{- end }}

{{- define "conntrack.image" -}}
{{ .root.Values.image.registry }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* The configuration file: what the chart decides, and server.config. */}}
{{- define "conntrack.config" -}}
{{- $server := .Values.server -}}
{{- $own := dict "listen" "0.0.0.0:50051" "metrics_listen" "0.0.0.0:9464" "drain_timeout" (printf "%ds" (int $server.drainTimeoutSeconds)) -}}
{{- if $server.tls.secretName -}}
{{- $tls := dict "cert" "/etc/conntrack/tls/tls.crt" "key" "/etc/conntrack/tls/tls.key" "client_auth" $server.tls.clientAuth -}}
{{- if ne $server.tls.clientAuth "none" }}{{ $_ := set $tls "client_ca" "/etc/conntrack/tls/ca.crt" }}{{ end -}}
{{- $_ := set $own "tls" $tls -}}
{{- else -}}
{{- $_ := set $own "insecure" true -}}
{{- end -}}
{{- toYaml (merge (dict) $own $server.config) -}}
{{- end }}

{{/* Kubernetes' own gRPC probe knows no TLS. */}}
{{- define "conntrack.probe" -}}
{{- $server := .Values.server -}}
{{- if $server.tls.secretName -}}
exec:
  command:
    - /usr/bin/conntrackctl
    - --server=127.0.0.1:50051
    - --timeout=2s
    - --tls-ca=/etc/conntrack/tls/ca.crt
    - --tls-server-name={{ include "conntrack.server" . }}
    {{- if eq $server.tls.clientAuth "required" }}
    - --tls-cert=/etc/conntrack/tls/tls.crt
    - --tls-key=/etc/conntrack/tls/tls.key
    {{- end }}
    - health
{{- else -}}
grpc:
  port: 50051
{{- end }}
timeoutSeconds: 3
{{- end }}
