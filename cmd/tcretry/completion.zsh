#compdef tcretry
# zsh completion of tcretry: source <(tcretry completion zsh)
_tcretry() {
	local command=${words[2]-}
	if ((CURRENT == 2)); then
		compadd -- {{range .First}}{{.}} {{end}}
		return
	fi
	case ${words[CURRENT-1]} in
	-policy) _files; return ;;
	-log-level) compadd -- debug info warn error; return ;;
	-class) compadd -- terminal throttled busy transient; return ;;
	esac
	if [[ $command == policy ]] && ((CURRENT == 3)); then
		compadd -- check schema
		return
	fi
	[[ $command == policy ]] && command="policy ${words[3]}"
	case $command in
{{- range .Commands}}
	"{{.Name}}")
		compadd -- {{range .Words}}{{.}} {{end}}
{{- if .Files}}
		_files
{{- end}}
{{- if .Codes}}
		compadd -- $(tcretry codes -names)
{{- end}}
		;;
{{- end}}
	esac
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _tcretry tcretry
