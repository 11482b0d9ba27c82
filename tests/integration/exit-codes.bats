#!/usr/bin/env bats
# Mistakes, each with the exit code that Docker gives to it: 125 for a flag it cannot understand and for a run that came
# to nothing, 126 and 127 for a program that cannot be run, 1 for all else.
# no-vm: messages, not the kernel
load helpers

# mistakes < CODE|COMMAND|MESSAGE: each fails so, with one line that has the message, and changes nothing.
mistakes()
{
    local code command says before words

    before=$(state)
    while IFS='|' read -r code command says; do
        eval "words=($command)"
        run_sc ${words[@]+"${words[@]}"}
        expect_error "$code" "$says"
        is "$(state) $command" "$before $command"
    done
}

state()
{
    find "$SC_DATA_ROOT"/{container,name,volume} -mindepth 1 -maxdepth 1
    echo "$(<"$SC_DATA_ROOT/image/index.json")"
}

@test "exit codes: what is not there, is 1 where Docker's daemon would say it" {
    sc_ok ps
    mistakes <<'END'
1|start nope|no such container: "nope"
1|start -a nope|no such container: "nope"
1|exec nope true|no such container: "nope"
1|stop nope|no such container: "nope"
1|rm nope|no such container: "nope"
1|kill nope|no such container: "nope"
1|logs nope|no such container: "nope"
1|attach nope|no such container: "nope"
1|wait nope|no such container: "nope"
1|port nope|no such container: "nope"
1|pause nope|no such container: "nope"
1|unpause nope|no such container: "nope"
1|rename nope other|no such container: "nope"
1|top nope|no such container: "nope"
1|stats --no-stream nope|no such container: "nope"
1|update -m 64m nope|no such container: "nope"
1|network connect nope nope|no such container: "nope"
1|inspect nope|no such object: "nope"
1|inspect --type image nope|no such image: "nope"
1|image inspect nope|no such image: "nope"
1|rmi nope|no such image: "nope"
1|save -o x nope|no such image: "nope"
1|tag nope other|no such image: "nope"
1|history nope|no such image: "nope"
1|push 127.0.0.1:1/nope|no such image: "127.0.0.1:1/nope
1|create --pull never nope|no such image: "nope"
125|run --pull never nope|no such image: "nope"
1|network inspect nope|no such network: "nope"
1|network rm nope|no such network: "nope"
125|run --network nope base true|no such network: "nope"
1|volume inspect nope|no such volume: "nope"; list all with: sc volume ls
1|tag base sha256:abc|that is how digests are written
1|volume rm nope|no such volume: "nope"; list all with: sc volume ls
1|load -i /no/such|"/no/such": no such file or directory
1|load -i /etc/passwd|"/etc/passwd"
1|import /no/such x|"/no/such": no such file or directory
1|save -o /no/such/dir/x base|create "/no/such/dir/x": no such file or directory
125|run --device /dev/nope base true|--device "/dev/nope": no such file or directory
125|run --cidfile /no/dir/x base true|--cidfile "/no/dir/x": no such file or directory
125|run --pid container:nope base true|no such container: "nope"
END
}

@test "exit codes: a command line that cannot be understood" {
    sc_ok ps
    mistakes <<'END'
1|nope|"nope" is not a command
1|container nope|"container nope" is not a command
1|buildx build .|"buildx" is not a command; sc build
1|compose up|"compose" is not a command; docker-compose works with sc: start 'sc api'
125|run --name a base true|invalid container name "a"; use 2 to 200 of a-z A-Z 0-9 _ . -, the first a letter or digit
1|search x|"search" is not a command; search on the registry
125|--nope|unknown flag: --nope
125|run --nope base|unknown flag: --nope
125|ps -x|unknown shorthand flag: -x
125|images --nope|unknown flag: --nope
125|load --nope|unknown flag: --nope
125|volume ls --nope|unknown flag: --nope
125|run --name|flag needs an argument: --name
1|run|requires at least 1 argument
1|create|requires at least 1 argument
1|exec|requires at least 2 arguments
1|exec one|requires at least 2 arguments
1|start|requires at least 1 argument
1|wait|requires at least 1 argument
1|ps more|accepts no arguments
125|stop -t soon one|--time
125|run -m lots base true|--memory
125|create -m lots base true|--memory
125|create -e =x base true|invalid environment variable
125|create --env-file /no/such/file base true|--env-file
125|create --label-file /no/such/file base true|--label-file
125|run --read-only=maybe base true|--read-only
125|run --ulimit nofile base true|--ulimit
1|kill -s NOPE one|--signal
1|ps --filter nope=1|--filter
1|images --format "{{.Nope}}"|there is no field "Nope"
1|tag base UPPER|must be lower-case
1|pull UPPER|must be lower-case
125|run UPPER|must be lower-case
1|volume create bad/name|invalid volume name
125|run --name bad/name base true|invalid container name
125|run -w relative base true|it is not an absolute path
125|run -u nobodyhere base true|find user "nobodyhere"
125|run --entrypoint "" base|no command specified
1|create --entrypoint "" base|no command specified
127|run --rm base ""|its name is empty
127|run --rm --entrypoint "" base ""|its name is empty
125|run --rm -w /etc/passwd base true|--workdir: change to directory /etc/passwd: not a directory
125|run --name //twice base true|invalid container name
125|run --log-driver none --log-opt max-size=1m base true|--log-opt and --log-driver none
125|run -v /:/x:ro,rw base true|invalid mode
125|run --mount type=volume,readonly,target=/x base true|must not be readonly
1|run -it base true|not a TTY
END
}

@test "exit codes: containers in another state than the command wants" {
    sc_ok run -d --name live -v used:/x base sleep 1000
    sc_ok create --name stopped base true
    mistakes <<'END'
1|exec stopped true|container "stopped" is not running
1|attach stopped|container "stopped" is not running
1|kill stopped|container "stopped" is not running
1|rm live|container is running
1|rename live stopped|"stopped"
1|volume rm used|container "live" has it
1|rmi base|used by running container
125|run --name live base true|name "live" is in use by container
1|create --name live base true|name "live" is in use by container
1|exec -it live true|not a TTY
1|logs --tail x live|must be how many lines, or all
1|ps --format "{{.Nope}}"|there is no field "Nope"
1|start -a live stopped|one container only
126|exec -u nobodyhere live true|find user "nobodyhere"
126|exec -w relative live true|it is not an absolute path
126|exec -w /no/such live true|/no/such: no such file or directory
126|exec live /etc|it is a directory
127|exec live nope|executable file not found
END
    for code in "126 /etc" "127 nope"; do
        run_sc run --rm base "${code#* }"
        expect "${code% *}"
    done
    # what is done already is no mistake, nor what a script's empty variable makes, nor a name as inspect has it
    sc_ok logs --tail "" --since "" --until "" live
    sc_ok exec /live true
    sc_ok rename /live /other
    sc_ok rename other live
    sc_ok start live
    sc_ok stop stopped
    sc_ok rm -f live nope
    sc_ok rm stopped
    sc_ok volume rm used
}

@test "exit codes: help is no mistake" {
    for words in '' help --help container 'container --help' 'help container' 'run --help' 'help run' 'help container run' 'network' 'volume' 'image' 'system' 'manifest'; do
        # shellcheck disable=SC2086
        sc_ok $words
        matches "$output" '^Usage: sc '
        is "$stderr" ''
    done
    sc_ok container
    matches "$output" $'\n  prune '
    run ! grep -q '^  pull ' <<<"$output"
}

@test "a start that fails removes what --rm asked for, and events tell so" {
    sc_fails 127 run --rm --name one base /nowhere
    sc_ok events --since 0 --until 0s --filter container=one --format '{{.Action}}'
    is "$(grep -c '^destroy$' <<<"$output")" 1
    sc_ok ps -aq
    is "$output" ''
}
