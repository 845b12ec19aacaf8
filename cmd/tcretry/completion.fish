# fish completion of tcretry: tcretry completion fish | source
complete -c tcretry -f
complete -c tcretry -n __fish_use_subcommand -a "{{range .First}}{{.}} {{end}}"
complete -c tcretry -n "__fish_seen_subcommand_from policy; and not __fish_seen_subcommand_from check schema" -a "check schema"
complete -c tcretry -o policy -r -F
complete -c tcretry -o log-level -x -a "debug info warn error"
complete -c tcretry -o class -x -a "terminal throttled busy transient"
{{- range .Commands}}
complete -c tcretry -n "__fish_seen_subcommand_from {{.Name}}" -a "{{range .Words}}{{.}} {{end}}" -d "{{.Summary}}"
{{- if .Files}}
complete -c tcretry -n "__fish_seen_subcommand_from {{.Name}}" -F
{{- end}}
{{- if .Codes}}
complete -c tcretry -n "__fish_seen_subcommand_from {{.Name}}" -a "(tcretry codes -names)"
{{- end}}
{{- end}}
