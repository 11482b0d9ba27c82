# fish completion of sc(1). sc itself knows what fits (`sc __complete`), so this never falls behind.
function __sc_complete
    set -l words (commandline -opc) (commandline -ct)
    for candidate in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $candidate
            case :file
                __fish_complete_path (commandline -ct)
            case :dir
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $candidate
        end
    end
end
complete -c sc -f -a '(__sc_complete)'
