{{- define "hubgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "hubgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- $name := include "hubgate.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "hubgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "hubgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gate
{{- end }}

{{- define "hubgate.labels" -}}
{{ include "hubgate.selectorLabels" . }}
{{ include "hubgate.commonLabels" . }}
{{- end }}

{{- define "hubgate.commonLabels" -}}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/part-of: hubgate
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "hubgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "hubgate.fullname" .) }}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "hubgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The host of public_url. */}}
{{- define "hubgate.host" -}}
{{- (urlParse .Values.config.public_url).hostname }}
{{- end }}

{{/* What of the site is routed to the gate. */}}
{{- define "hubgate.path" -}}
{{- ternary "/-/sso/" "/" (eq .Values.mode "forward-auth") }}
{{- end }}

{{- define "hubgate.scales" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}true{{ end }}
{{- end }}

{{/* Seconds of a duration such as 90s, 5m, 1h. */}}
{{- define "hubgate.seconds" -}}
{{- $number := int (regexFind "^[0-9]+" .) -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mul $number (get (dict "s" 1 "m" 60 "h" 3600) $unit) }}
{{- end }}

{{/* SIGTERM: taking new connections for drain_delay, finishing requests for drain, five seconds until threads that
     do not end are given up, and five to spare before SIGKILL. */}}
{{- define "hubgate.gracePeriod" -}}
{{- add (include "hubgate.seconds" .Values.config.server.drain_delay) (include "hubgate.seconds" .Values.config.server.drain) 10 }}
{{- end }}

{{/* A value in TOML. A JSON string is a TOML string; numbers of the configuration are whole. */}}
{{- define "hubgate.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{- $first := true -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- if not $first }},{{ end }} {{ include "hubgate.toml.key" $key }} = {{ include "hubgate.toml.value" $value }}
{{- $first = false -}}
{{- end -}}
{{- end }} }
{{- else if kindIs "slice" . -}}
[{{- range $index, $value := . -}}{{- if $index }}, {{ end }}{{ include "hubgate.toml.value" $value }}{{- end -}}]
{{- else if kindIs "string" . -}}
{{ toJson . }}
{{- else if kindIs "bool" . -}}
{{ . }}
{{- else -}}
{{ int64 . }}
{{- end -}}
{{- end }}

{{- define "hubgate.toml.key" -}}
{{- ternary . (toJson .) (regexMatch "^[A-Za-z0-9_-]+$" .) }}
{{- end }}

{{/* A file in TOML: plain keys first, then one table for each map. */}}
{{- define "hubgate.toml" -}}
{{- range $key, $value := . }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ include "hubgate.toml.key" $key }} = {{ include "hubgate.toml.value" $value }}
{{- end }}
{{- end }}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}

[{{ include "hubgate.toml.key" $key }}]
{{- range $name, $inner := $value }}
{{- if not (kindIs "invalid" $inner) }}
{{ include "hubgate.toml.key" $name }} = {{ include "hubgate.toml.value" $inner }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The configuration with what the chart decides: ports, files, organizations. */}}
{{- define "hubgate.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $server := $config.server -}}
{{- $_ := set $server "listen" (list (printf "0.0.0.0:%d" (int .Values.ports.traffic))) -}}
{{- $_ := set $server "admin" (printf "0.0.0.0:%d" (int .Values.ports.admin)) -}}
{{- if .Values.grpc.enabled -}}
{{- $_ := set $server "grpc" (printf "0.0.0.0:%d" (int .Values.grpc.port)) -}}
{{- end -}}
{{- if .Values.tls.secretName -}}
{{- $_ := set $server "tls" (dict "certificate" "/run/secrets/hubgate-tls/tls.crt" "private_key" "/run/secrets/hubgate-tls/tls.key") -}}
{{- end -}}
{{- if .Values.sessionKeys.secretName -}}
{{- $keys := list -}}
{{- range .Values.sessionKeys.keys -}}
{{- $keys = append $keys (dict "file" (printf "/run/secrets/hubgate-session/%s" .)) -}}
{{- end -}}
{{- $_ := set $config "session" (merge (dict "keys" $keys) ($config.session | default dict)) -}}
{{- end -}}
{{- $patterns := list -}}
{{- if .Values.organizations -}}
{{- $patterns = append $patterns "/etc/hubgate/orgs.d/*.toml" -}}
{{- end -}}
{{- range $index, $_ := .Values.organizationConfigMaps -}}
{{- $patterns = append $patterns (printf "/etc/hubgate/orgs-%d.d/*.toml" $index) -}}
{{- end -}}
{{- $_ := set $config "organizations" $patterns -}}
{{- include "hubgate.toml" $config | trimPrefix "\n" }}
{{- end }}

{{/* What would be wrong, and what to do about it. */}}
{{- define "hubgate.refuse" -}}
{{- $store := dig "session" "store" "memory" .Values.config -}}
{{- if and (include "hubgate.scales" .) (kindIs "string" $store) (not .Values.stickySessions) -}}
{{- fail "several replicas and sessions in memory: a browser would be signed in at one Pod and a stranger at the next. Set replicaCount=1, or a shared config.session.store, or keep browsers on one Pod and set stickySessions=true" -}}
{{- end -}}
{{- if and (include "hubgate.scales" .) (not .Values.sessionKeys.secretName) -}}
{{- fail "several replicas need the same session keys: make a Secret and set sessionKeys.secretName" -}}
{{- end -}}
{{- range $id, $organization := .Values.organizations -}}
{{- if and $organization.id (ne $organization.id $id) -}}
{{- fail (printf "organizations.%s.id is %q: leave id out, or write the same" $id $organization.id) -}}
{{- end -}}
{{- end -}}
{{- end }}
