{{/* What the gate's Pods and the test's Pod share: configuration and secrets, as folders. No subPath: a file that is
     mounted that way never changes. */}}
{{- define "hubgate.volumeMounts" -}}
- { name: config, mountPath: /etc/hubgate/config, readOnly: true }
{{- if .Values.organizations }}
- { name: organizations, mountPath: /etc/hubgate/orgs.d, readOnly: true }
{{- end }}
{{- range $index, $_ := .Values.organizationConfigMaps }}
- { name: organizations-{{ $index }}, mountPath: /etc/hubgate/orgs-{{ $index }}.d, readOnly: true }
{{- end }}
{{- range .Values.secrets }}
- { name: secret-{{ .name }}, mountPath: /run/secrets/hubgate/{{ .name }}, readOnly: true }
{{- end }}
{{- if .Values.sessionKeys.secretName }}
- { name: session-keys, mountPath: /run/secrets/hubgate-session, readOnly: true }
{{- end }}
{{- if .Values.tls.secretName }}
- { name: tls, mountPath: /run/secrets/hubgate-tls, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "hubgate.volumes" -}}
- name: config
  configMap: { name: {{ include "hubgate.fullname" . }} }
{{- if .Values.organizations }}
- name: organizations
  configMap: { name: {{ include "hubgate.fullname" . }}-organizations }
{{- end }}
{{- range $index, $name := .Values.organizationConfigMaps }}
- name: organizations-{{ $index }}
  configMap: { name: {{ $name | quote }} }
{{- end }}
{{- range .Values.secrets }}
- name: secret-{{ .name }}
  secret: { secretName: {{ .secretName | quote }}, defaultMode: 0440 }
{{- end }}
{{- if .Values.sessionKeys.secretName }}
- name: session-keys
  secret: { secretName: {{ .Values.sessionKeys.secretName | quote }}, defaultMode: 0440 }
{{- end }}
{{- if .Values.tls.secretName }}
- name: tls
  secret: { secretName: {{ .Values.tls.secretName | quote }}, defaultMode: 0440 }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
