# bash completion of sc(1). sc itself knows what fits (`sc __complete`), so this never falls behind.
_sc()
{
    local line=${COMP_LINE:0:COMP_POINT} cur program=${COMP_WORDS[0]} candidate before i
    local -a words=()

    # Bash takes "--network=host" and "a:b" apart: what stands together on the line is put together again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $i -eq 0 || $line == [[:space:]]* ]]; then
            line=${line#"${line%%[![:space:]]*}"}
            words+=("")
        fi
        cur=${COMP_WORDS[i]}
        [[ $i -lt $COMP_CWORD ]] || cur=$line
        words[${#words[@]} - 1]+=$cur
        line=${line#"$cur"}
    done
    cur=${words[${#words[@]} - 1]}

    COMPREPLY=()
    before=${cur%"${cur##*[=:]}"}
    while IFS= read -r candidate; do
        case $candidate in
        :file) compopt -o default ;;
        :dir) compopt -o dirnames ;;
        *)
            case $candidate in *[=:]) compopt -o nospace ;; esac
            COMPREPLY+=("${candidate#"$before"}")
            ;;
        esac
    done < <("$program" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _sc sc
