#!/usr/bin/env bats
# sc api: Docker's own command line, docker-compose and curl, at sc's socket; no dockerd is there.
load helpers

setup()
{
    engine_setup
    export SC_DATA_ROOT=$BATS_TEST_TMPDIR/data SC_RUN_ROOT=$BATS_TEST_TMPDIR/run
    SOCKET=$BATS_TEST_TMPDIR/api.sock
    export DOCKER_HOST=unix://$SOCKET DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
    api_up
}

teardown()
{
    local status=0
    "$SC" ps -aq | xargs -r "$SC" rm -f -v >/dev/null
    "$SC" network prune -f >/dev/null
    api_down
    # the directory of attached clients and executions goes with the last of them
    [ ! -e "$SC_RUN_ROOT/api" ] || { ls "$SC_RUN_ROOT/api" && status=1; }
    engine_teardown || status=1
    return $status
}

api_up()
{
    "$SC" api --listen "unix://$SOCKET" "$@" </dev/null >>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    API=$!
    wait_until test -S "$SOCKET"
}

api_down()
{
    end_daemon "$API"
}

# The command line of Debian's package, whatever else is first in PATH.
dk()
{
    /usr/bin/docker "$@"
}

# api METHOD PATH [CURL-OPTION...]: the body, and the status on a line of its own
api()
{
    curl -s --max-time 30 --unix-socket "$SOCKET" -w '\n%{http_code}' -X "$1" "${@:3}" "http://d/$2"
}

# path_stat PATH: name, size, mode and target of what is there in the container `one`, from the head of the answer
path_stat()
{
    curl -s --max-time 30 --unix-socket "$SOCKET" -I "http://d/containers/one/archive?path=$1" |
        sed -n 's/^X-Docker-Container-Path-Stat: *//p' | tr -d '\r' | base64 -d | jq -c '[.name, .size, .mode, .linkTarget]'
}

@test "api: ping, version, and what is not there" {
    ok dk version --format '{{.Server.Version}} {{.Server.APIVersion}}'
    is "$output" "$("$SC" version --format '{{.Server.Version}}') 1.41"
    is "$(api GET _ping)" $'OK\n200'
    is "$(api GET v1.24/_ping)" $'OK\n200'
    is "$(api GET v1.42/_ping | tail -n 1)" 400
    is "$(api GET nothing)" $'{"message":"page not found"}\n\n404'
    is "$(api PUT _ping | tail -n 1)" 405
    is "$(api GET containers/none/json)" $'{"message":"no such container: \\"none\\"; list all with: sc ps -a"}\n\n404'
    is "$(api POST containers/create -d '{' | tail -n 1)" 400
    is "$(api POST containers/create -d '{"Image":"nosuch"}' | tail -n 1)" 404
    is "$(api GET images/search | tail -n 1)" 501
}

@test "api: run: output, input, exit codes, removal" {
    ok dk run --rm base echo hello
    is "$output" hello
    is "$(echo in | dk run --rm -i base cat)" in
    fails 7 dk run --rm base sh -c 'echo bad >&2; exit 7'
    is "$stderr" bad
    fails 127 dk run --rm base /nonexistent
    is "$("$SC" ps -aq)" ""
    ok dk run --rm -m 64m --cpus .5 -e A=1 -w /tmp -h name base sh -c 'echo $A $PWD $(hostname)'
    is "$output" "1 /tmp name"
}

@test "api: run -it and exec -it: a terminal of the client's size" {
    run terminal wait:'# ' type:'stty size\r' wait:'24 80' drag:30x100 type:'until stty size | grep ^30; do sleep 0.1; done\r' wait:'30 100' type:'exit 4\r' -- \
        /usr/bin/docker run -it --rm base sh
    expect_output "exit 4
modes kept"
    ok dk run -d --name one base sleep 1000
    run terminal wait:'# ' type:'tty; exit 5\r' -- /usr/bin/docker exec -it one sh
    expect_output "/dev/pts/"
    expect_output "exit 5
modes kept"
}

@test "api: a container's life" {
    ok dk run -d --name one -v vol:/v base sh -c 'echo out; echo err >&2; exec sleep 1000'
    is "$(dk ps --format '{{.Names}} {{.Image}} {{.State}}')" "one base running"
    is "$(api POST containers/one/start | tail -n 1)" 304
    is "$(api DELETE containers/one | tail -n 1)" 409
    ok dk logs one
    is "$output" out
    is "$stderr" err
    fails 4 dk exec one sh -c 'echo x; exit 4'
    is "$output" x
    ok dk exec -d one touch /tmp/made
    wait_until dk exec one test -e /tmp/made
    ok dk top one
    expect_output "sleep 1000"
    ok dk diff one
    expect_output "A /tmp/made"
    ok dk pause one
    is "$(dk inspect -f '{{.State.Status}}' one)" paused
    ok dk unpause one
    ok dk update -m 48m --memory-swap 48m one
    is "$(dk inspect -f '{{.HostConfig.Memory}}' one)" 50331648
    ok dk stats --no-stream --format '{{.Name}} {{.PIDs}}' one
    is "$output" "one 1"
    ok dk rename one two
    ok dk restart -t 0 two
    ok dk stop -t 0 two
    is "$(api POST containers/two/stop | tail -n 1)" 304
    is "$(dk wait two)" 137
    ok dk rm -v two
    ok dk volume rm vol
}

@test "api: where who has attached was killed, another starts the container, and nothing of it stays" {
    local attached
    ok dk create --name one base sleep 1000
    api POST 'containers/one/attach?stream=1&stdout=1' >/dev/null 2>&1 3>&- &
    wait_until compgen -G "$SC_RUN_ROOT/api/a-*"
    attached=$(compgen -G "$SC_RUN_ROOT/api/a-*")
    kill -9 "${attached##*-}"
    wait_until has_ended "${attached##*-}"
    is "$(api POST containers/one/start | tail -n 1)" 204
    is "$(dk inspect -f '{{.State.Status}}' one)" running
    [ ! -e "$attached" ]
}

@test "api: logs -f and events go on until there is no more" {
    "$SC" run -d --name one base sh -c 'echo first; while [ ! -e /go ]; do sleep 0.1; done; echo last' >/dev/null
    dk logs -f one >"$BATS_TEST_TMPDIR/followed" 2>&1 3>&- &
    local follower=$!
    wait_until grep -q first "$BATS_TEST_TMPDIR/followed"
    # nobody waits behind who follows
    is "$(api GET _ping)" $'OK\n200'
    "$SC" exec one touch /go
    wait "$follower"
    is "$(cat "$BATS_TEST_TMPDIR/followed")" $'first\nlast'
    /usr/bin/docker events --since 1h --filter event=die --format '{{.Action}} {{.Actor.Attributes.name}}' >"$BATS_TEST_TMPDIR/events" 3>&- &
    local watcher=$!
    wait_until grep -qx "die one" "$BATS_TEST_TMPDIR/events"
    "$SC" run --name two base true
    wait_until grep -qx "die two" "$BATS_TEST_TMPDIR/events"
    kill "$watcher"
}

@test "api: cp, export, save, load, commit" {
    ok dk run -d --name one base sleep 1000
    echo data >"$BATS_TEST_TMPDIR/file"
    ok dk cp "$BATS_TEST_TMPDIR/file" one:/tmp/copy
    ok dk cp one:/tmp/copy "$BATS_TEST_TMPDIR/back"
    is "$(cat "$BATS_TEST_TMPDIR/back")" data
    fails 1 dk cp one:/none "$BATS_TEST_TMPDIR/back"
    # what a client is told of a file, a directory and a link, by Go's bits of a mode
    chmod 640 "$BATS_TEST_TMPDIR/file"
    ok dk cp "$BATS_TEST_TMPDIR/file" one:/tmp/copy
    ok dk exec one ln -s copy /tmp/link
    is "$(path_stat /tmp/copy)" '["copy",5,416,""]'
    is "$(path_stat /etc | jq -c '[.[0], .[2]]')" '["etc",2147484141]'
    is "$(path_stat /tmp/link | jq -c '[.[0], .[2], .[3]]')" '["link",134218239,"copy"]'
    is "$(dk export one | tar -xO tmp/copy)" data
    ok dk commit one made:1
    dk save made:1 >"$BATS_TEST_TMPDIR/made.tar"
    ok dk rmi made:1
    expect_output "Untagged: made:1"
    ok dk load -i "$BATS_TEST_TMPDIR/made.tar"
    is "$(dk run --rm made:1 cat /tmp/copy)" data
    ok dk tag made:1 other:2
    is "$(dk images --format '{{.Repository}}:{{.Tag}}' | sort | tr '\n' ' ')" "base:latest made:1 other:2 "
}

@test "api: docker-compose: two services, a network, a volume" {
    # sc makes this image when it is first used; compose asks for it before
    "$SC" run --rm base true
    mkdir "$BATS_TEST_TMPDIR/project"
    cd "$BATS_TEST_TMPDIR/project"
    cat >docker-compose.yml <<'END'
version: "3"
services:
  a:
    image: base
    command: sh -c 'echo from-a; echo kept >/data/file; exec httpd -f -p 80 -h /data'
    volumes: ["data:/data"]
    networks: [net]
  b:
    image: base
    command: sh -c 'until wget -qO- http://a/file; do sleep 0.1; done; exec sleep 1000'
    depends_on: [a]
    networks: [net]
volumes: {data: {}}
networks: {net: {}}
END
    ok /usr/bin/docker-compose up -d
    ok /usr/bin/docker-compose ps
    is "$(echo "$output" | grep -c ' Up ')" 2
    wait_until eval '/usr/bin/docker-compose logs --no-color 2>/dev/null | grep -q "b_1 .*kept"'
    ok /usr/bin/docker-compose down -v -t 0
    is "$("$SC" ps -aq)" ""
    is "$("$SC" volume ls -q)" ""
    is "$("$SC" network ls -q | wc -l)" 3
}

@test "api: only root and the owner are answered, whatever the mode of the socket" {
    is "$(stat -c '%a' "$SOCKET")" 660
    chmod 666 "$SOCKET"
    chmod a+x "$BATS_TEST_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")" "$(dirname "$(dirname "$BATS_TEST_TMPDIR")")" "$TMPDIR"
    is "$(setpriv --reuid 65534 --regid 65534 --clear-groups curl -s --unix-socket "$SOCKET" http://d/_ping)" \
        '{"message":"only the owner of this socket and root may"}'
    is "$(api GET _ping)" $'OK\n200'
}

@test "api: what is no request is refused, and a large one" {
    fails 1 "$SC" api --listen tcp://127.0.0.1:2375
    is "$(python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(b"nonsense\r\n\r\n")
print(s.recv(100).decode().splitlines()[0])' "$SOCKET")" 'HTTP/1.1 400 Bad Request'
    head -c 70000 /dev/zero | tr '\0' a >"$BATS_TEST_TMPDIR/long"
    is "$(api GET "_ping" -H "X: $(cat "$BATS_TEST_TMPDIR/long")" | tail -n 1)" 431
    head -c 5000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
    is "$(api POST containers/create --data-binary "@$BATS_TEST_TMPDIR/large" | tail -n 1)" 413
}

@test "api: it ends after an idle time, and begins at a socket of systemd's" {
    api_down
    [ ! -e "$SOCKET" ]
    api_up --idle-timeout 1
    wait_until has_ended "$API"
    [ ! -e "$SOCKET" ]
    systemd-socket-activate -l "$SOCKET" -E SC_DATA_ROOT -E SC_RUN_ROOT "$SC" api --idle-timeout 1 </dev/null >>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    API=$!
    wait_until test -S "$SOCKET"
    is "$(api GET _ping)" $'OK\n200'
    wait_until has_ended "$API"
}

@test "api: build: a context, an argument, a step that fails" {
    mkdir "$BATS_TEST_TMPDIR/context"
    echo data >"$BATS_TEST_TMPDIR/context/file"
    printf 'FROM base\nARG A\nCOPY file /file\nRUN echo "arg=$A"\n' >"$BATS_TEST_TMPDIR/context/Dockerfile"
    export DOCKER_BUILDKIT=0
    ok dk build -t made:1 --build-arg A=7 "$BATS_TEST_TMPDIR/context"
    expect_output "arg=7"
    is "$(dk run --rm made:1 cat /file)" data
    printf 'FROM base\nRUN exit 3\n' >"$BATS_TEST_TMPDIR/context/Dockerfile"
    fails 1 dk build "$BATS_TEST_TMPDIR/context"
}

# says METHOD PATH STATUS [CURL-OPTION...]: the status, by whatever words
says()
{
    local answer
    answer=$(api "$1" "$2" "${@:4}")
    [ "$(tail -n 1 <<<"$answer")" = "$3" ] || { echo "$1 $2: $answer, not $3" && return 1; }
}

@test "api: what fails has a status by its kind, not by its words" {
    "$SC" run -d --name one base sleep 1000 >/dev/null
    says POST containers/one/pause 204
    says POST containers/one/pause 409
    says POST containers/one/start 409
    says POST containers/one/exec 409 -d '{"Cmd":["x"]}'
    says POST containers/one/unpause 204
    says POST containers/one/unpause 409
    says DELETE containers/one 409
    says DELETE 'images/base' 409
    says POST 'containers/create?name=one' 409 -d '{"Image":"base"}'
    says POST 'containers/create?name=-x' 400 -d '{"Image":"base"}'
    says POST 'containers/create?name=not+found' 400 -d '{"Image":"base"}'
    says POST 'containers/create?name=three' 201 -d '{"Image":"base","Cmd":["/nonexistent"]}'
    says POST containers/three/start 400
    says POST containers/three/kill 409
    says GET containers/three/top 409
    says POST 'containers/one/kill?signal=NOSUCH' 400
    says POST 'containers/one/rename?name=three' 409
    says GET 'containers/one/archive?path=/nosuch' 404
    says PUT 'containers/one/archive?path=/nosuch' 400 --data-binary @/dev/null
    # a name is never a path
    says GET 'containers/%2e%2e/json' 404
    says GET 'volumes/%2e%2e' 404
    says DELETE 'volumes/%2e%2e?force=1' 400
    says DELETE 'networks/%2e%2e' 404
    says GET 'containers/--help/json' 404
    says DELETE 'containers/--all' 404
    says GET 'images/--help/json' 400
    says POST 'images/nosuch/tag?repo=x' 404
    says POST 'images/base/tag?repo=UPPER' 400
    says POST images/load 400 --data-binary nonsense
    says POST volumes/create 400 -d '{"Name":"-v"}'
    says DELETE networks/bridge 403
    says POST networks/create 201 -d '{"Name":"net"}'
    says POST networks/create 409 -d '{"Name":"net"}'
    says POST networks/net/connect 200 -d '{"Container":"one"}'
    says POST networks/net/connect 409 -d '{"Container":"one"}'
    says DELETE networks/net 409
    says POST 'commit?container=one' 501 -d '{"Cmd":["x"]}'
    # dockerode says its words twice
    says POST 'commit?container=one&repo=twice' 201 -d '{"container":"one","repo":"twice"}'
    says POST 'containers/create' 501 -d '{"Image":"base","HostConfig":{"KernelMemoryTCP":1}}'
    # what is read is the kind on a descriptor of sc's own, which no container has
    is "$("$SC" exec one ls /proc/1/fd | tr '\n' ' ')" "0 1 2 "
    says POST 'containers/three/start' 400
    "$SC" create --name four base sleep 1000 >/dev/null
    says POST containers/four/start 204
    is "$("$SC" exec four ls /proc/1/fd | tr '\n' ' ')" "0 1 2 "
}

@test "api: build: what was asked for is done or refused" {
    export DOCKER_BUILDKIT=0
    local context=$BATS_TEST_TMPDIR/context
    mkdir -p "$context/sub"
    cat >"$context/sub/File" <<'END'
FROM base AS one
ARG A
RUN echo "A=$A shm=$(df -m /dev/shm | awk 'NR==2 {print $2}') host=$(grep -c 9.8.7.6 /etc/hosts) files=$(ulimit -n)"
FROM base AS two
RUN echo from-two
END
    ok dk build -t made:1 -t other --target one -f "$context/sub/File" --build-arg A=7 --label l=m --shm-size 8m --add-host h:9.8.7.6 \
        --ulimit nofile=100:100 --no-cache "$context"
    expect_output "A=7 shm=8 host=1 files=100"
    expect_output "Successfully tagged made:1"
    expect_output "Successfully tagged other:latest"
    [[ $output != *from-two* ]]
    is "$(dk inspect -f '{{.Config.Labels.l}}' other)" m
    ok dk build -q -f "$context/sub/File" "$context"
    is "$output" "$(dk images -q --no-trunc --filter dangling=true)"
    fails 1 dk build --squash -f "$context/sub/File" "$context"
    fails 1 dk build --security-opt a=b -f "$context/sub/File" "$context"
    expect_stderr 'a build with "securityopt" is not supported'
    says POST 'build?new=1' 501
    # the file is one of the context, whatever its path says
    fails 1 dk build -f "$context/nosuch" "$context"
    tar -C "$context" -c sub | api POST 'build?dockerfile=/etc/passwd' --data-binary @- >"$BATS_TEST_TMPDIR/answer"
    ! grep -q root: "$BATS_TEST_TMPDIR/answer"
}

@test "api: a file where the socket is to be is left alone" {
    echo kept >"$BATS_TEST_TMPDIR/file"
    fails 1 "$SC" api --listen "unix://$BATS_TEST_TMPDIR/file"
    is "$(cat "$BATS_TEST_TMPDIR/file")" kept
}

@test "api: what is sent before an upgrade is the request's, what is behind it the container's" {
    "$SC" create -i --name one base sh -c 'cat; echo end' >/dev/null
    python3 - "$SOCKET" >"$BATS_TEST_TMPDIR/answer" <<'END'
import socket, sys, http.client
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s
a = connect()
a.sendall(b"POST /containers/one/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n"
          b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nTrailer: x\r\n\r\nearly\n")
answer = a.recv(4096)
b = connect()
b.sendall(b"POST /containers/one/start HTTP/1.1\r\n\r\n")
print(b.recv(4096).split(b"\r\n")[0].decode())
a.sendall(b"late\n")
a.shutdown(socket.SHUT_WR)
while True:
    piece = a.recv(4096)
    if not piece:
        break
    answer += piece
head, body = answer.split(b"\r\n\r\n", 1)
print(head.split(b"\r\n")[0].decode())
text = b""
while body:
    n = int.from_bytes(body[4:8], "big")
    text += body[8:8 + n]
    body = body[8 + n:]
print(text.decode(), end="")
END
    is "$(cat "$BATS_TEST_TMPDIR/answer")" "HTTP/1.1 204 No Content
HTTP/1.1 101 UPGRADED
early
late
end"
}
