# bash completion of tcretry: source <(tcretry completion bash)
_tcretry() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	# Codes contain colons, at which bash splits words.
	local command="${COMP_WORDS[1]-}" second="${COMP_WORDS[2]-}"
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "{{range .First}}{{.}} {{end}}" -- "$current"))
		return
	fi
	case $previous in
	-policy) COMPREPLY=($(compgen -f -- "$current")); return ;;
	-log-level) COMPREPLY=($(compgen -W "debug info warn error" -- "$current")); return ;;
	-class) COMPREPLY=($(compgen -W "terminal throttled busy transient" -- "$current")); return ;;
	esac
	if [[ $command == policy && $COMP_CWORD == 2 ]]; then
		COMPREPLY=($(compgen -W "check schema" -- "$current"))
		return
	fi
	[[ $command == policy ]] && command="policy $second"
	case $command in
{{- range .Commands}}
	"{{.Name}}")
		COMPREPLY=($(compgen -W "{{range .Words}}{{.}} {{end}}" -- "$current"))
{{- if .Files}}
		[[ $current == -* ]] || COMPREPLY+=($(compgen -f -- "$current"))
{{- end}}
{{- if .Codes}}
		[[ $current == -* ]] || COMPREPLY+=($(compgen -W "$(tcretry codes -names)" -- "$current"))
{{- end}}
		;;
{{- end}}
	esac
}
complete -F _tcretry tcretry
