#!/usr/bin/env bats
# A person at a keyboard: keys, the window's size and the terminal's modes through run, exec and attach.
# no-vm: run.bats has a terminal for the kernel; this is the relay
load helpers

# on_terminal STEP... -- COMMAND...: tests/tools/terminal, which plays the user
on_terminal()
{
    run python3 "$TESTS/../tools/terminal" "$@"
    last_command="terminal $*"
}

# What ctrl-c shall end is a program of its own by the time it speaks: a shell that is about to start one can lose the
# signal.
@test "terminal: run -it has keys, ctrl-c, and each new size of the window" {
    on_terminal 'wait:# ' 'size:40x120' 'type:stty size\r' 'wait:40 120' 'size:11x22' 'type:stty size\r' 'wait:11 22' \
        'type:sh -c "echo \$((6 * 7)); exec sleep 1000"\r' 'wait:42' 'type:\x03' 'wait:# ' 'type:exit 7\r' -- \
        "$SC" run --rm -it -e PS1='# ' base sh
    [[ $output == *$'exit 7\nmodes kept'* ]] || show_last 'expected exit 7, and the modes kept'
}

@test "terminal: run -it is left by the detach keys, and attach brings it back" {
    on_terminal 'wait:# ' 'type:\x10\x11' -- "$SC" run -it --name one -e PS1='# ' base sh
    [[ $output == *$'exit 0\nmodes kept'* ]] || show_last 'expected exit 0, and the modes kept'
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    on_terminal 'type:echo $((40 + 2))\r' 'wait:42' 'type:\x10\x11' -- "$SC" attach one
    [[ $output == *'modes kept'* ]] || show_last 'expected the modes kept'
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    on_terminal 'type:\r' 'wait:# ' 'type:\x01x' -- "$SC" attach --detach-keys ctrl-a,x one
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    on_terminal 'size:33x99' 'type:stty size\r' 'wait:33 99' 'type:exit 3\r' -- "$SC" attach one
    [[ $output == *$'exit 3\nmodes kept'* ]] || show_last 'expected exit 3, and the modes kept'
    sc_ok rm one
}

@test "terminal: a part of the detach keys is typed on, also slowly; a paste of 1 MB comes whole, with its letters" {
    on_terminal 'wait:# ' 'type:echo $((6 * 7)); cat -v\r' 'wait:42' 'type:\x10' 'type:x\r' 'wait:^Px' 'type:\x10\x10a\r' 'wait:^P^Pa' \
        'type:\x10' 'type:\x11' -- "$SC" run -it --name one -e PS1='# ' base sh
    [[ $output == *$'exit 0\nmodes kept'* ]] || show_last 'expected exit 0, and the modes kept'
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    python3 -c 'print("0123456\u20ac" * 100000, end="")' >"$BATS_TEST_TMPDIR/paste"
    on_terminal 'wait:ready' "paste:$BATS_TEST_TMPDIR/paste" 'wait:end' -- \
        "$SC" run --rm -it base sh -c 'stty raw -echo; echo ready; head -c 1000000 | md5sum; echo end'
    expect_output "$(md5sum <"$BATS_TEST_TMPDIR/paste")"
    on_terminal 'wait:ready' "paste:$BATS_TEST_TMPDIR/paste" 'wait:end' -- \
        "$SC" exec -it one sh -c 'stty raw -echo; echo ready; head -c 1000000 | md5sum; echo end'
    expect_output "$(md5sum <"$BATS_TEST_TMPDIR/paste")"
    sc_ok rm -f one
}

@test "terminal: exec -it has ctrl-c and the size of its own, and ends alone" {
    sc_ok run -d --name one base sleep 1000
    on_terminal 'wait:# ' 'size:40x120' 'type:stty size\r' 'wait:40 120' 'type:sh -c "echo \$((6 * 7)); exec sleep 1000"\r' 'wait:42' 'type:\x03' 'wait:# ' \
        'type:exit 5\r' -- "$SC" exec -it -e PS1='# ' one sh
    [[ $output == *$'exit 5\nmodes kept'* ]] || show_last 'expected exit 5, and the modes kept'
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    sc_ok rm -f one
}

# Without -t the terminal is the user's: its driver makes the signals, echoes, and joins lines. Nothing of that may be
# taken away, least of all ctrl-c.
@test "terminal: without -t the modes stay as they are: ctrl-c is a signal, a line is echoed and can be mended" {
    for flag in -a=stdout -t -i; do
        on_terminal 'wait:ready' 'type:\x03' -- "$SC" run --rm --init $flag base sh -c 'echo rea""dy; exec sleep 1000'
        [[ $output == *$'exit 130\nmodes kept'* ]] || show_last "run $flag: expected exit 130, and the modes kept"
    done
    on_terminal 'wait:ready' 'type:ox\x7fne\r' 'wait:got one' -- "$SC" run --rm -i base sh -c 'echo ready; read -r line; echo got $line'
    [[ $output == *$'exit 0\nmodes kept'* ]] || show_last 'expected exit 0, and the modes kept'
    sc_ok run -d --name one --init base sh -c 'while :; do echo ready; sleep 0.1; done'
    on_terminal 'wait:ready' 'type:\x03' -- "$SC" attach one
    [[ $output == *$'exit 130\nmodes kept'* ]] || show_last 'attach: expected exit 130, and the modes kept'
    sc_ok start one
    on_terminal 'wait:ready' 'type:\x03' -- "$SC" exec one sh -c 'echo rea""dy; exec sleep 1000'
    [[ $output == *$'exit 130\nmodes kept'* ]] || show_last 'exec: expected exit 130, and the modes kept'
    sc_ok rm -f one
}
