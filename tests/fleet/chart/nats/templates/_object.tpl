{{- /* (dict "root" "template" "by"): the template's object, changed by the `merge` and `patch` of "by".
     Further keys reach the template: it is given this dictionary. */ -}}
{{- define "nats.object" -}}
{{- $object := include .template . | fromYaml -}}
{{- if and (hasKey $object "Error") (eq (len $object) 1) }}{{ fail (print .template ": " $object.Error) }}{{ end -}}
{{- $object = mergeOverwrite $object (deepCopy (.by.merge | default dict)) -}}
{{- range .by.patch }}{{ include "nats.patch" (list $object .) }}{{ end -}}
{{ toYaml $object }}
{{- end }}

{{- /* (list object operation): changes the object in place; a list has to be put back into the map above it. */ -}}
{{- define "nats.patch" -}}
{{- $change := last . -}}
{{- if not (has $change.op (list "add" "replace" "remove")) }}{{ fail (print "patch: operation " $change.op " is not supported") }}{{ end -}}
{{- $node := first . -}}
{{- $above := dict -}}
{{- $key := "" -}}
{{- $path := splitList "/" (trimPrefix "/" $change.path) -}}
{{- range initial $path -}}
  {{- $step := . | replace "~1" "/" | replace "~0" "~" -}}
  {{- if kindIs "slice" $node -}}
    {{- $above = dict -}}
    {{- $node = index $node (int $step) -}}
  {{- else -}}
    {{- if not (hasKey $node $step) }}{{ fail (print "patch: no such path: " $change.path) }}{{ end -}}
    {{- $above = $node -}}
    {{- $key = $step -}}
    {{- $node = get $node $step -}}
  {{- end -}}
{{- end -}}
{{- $step := last $path | replace "~1" "/" | replace "~0" "~" -}}
{{- if not (kindIs "slice" $node) -}}
  {{- if and (ne $change.op "add") (not (hasKey $node $step)) }}{{ fail (print "patch: no such path: " $change.path) }}{{ end -}}
  {{- if eq $change.op "remove" }}{{ $_ := unset $node $step }}{{ else }}{{ $_ := set $node $step $change.value }}{{ end -}}
{{- else -}}
  {{- $at := eq $step "-" | ternary (len $node) (int $step) -}}
  {{- $rest := eq $change.op "add" | ternary $at (add1 $at | int) -}}
  {{- $new := eq $change.op "remove" | ternary list (list $change.value) -}}
  {{- $_ := set $above $key (concat (slice $node 0 $at) $new (slice $node $rest)) -}}
{{- end -}}
{{- end }}
