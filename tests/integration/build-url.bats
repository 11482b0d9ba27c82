#!/usr/bin/env bats
# ADD of http and https addresses.
load helpers
load building

setup()
{
    sc_setup
    CTX=$BATS_TEST_TMPDIR/context WEB_DIR=$BATS_TEST_TMPDIR/web
    mkdir "$CTX" "$WEB_DIR"
    cd "$CTX"
    cat >"$BATS_TEST_TMPDIR/web.py" <<'END'
import http.server, os, sys, urllib.parse
root, log = sys.argv[1], open(sys.argv[2], "w")
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        print(self.path, file=log, flush=True)
        path = urllib.parse.unquote(self.path.partition("?")[0])
        moved = {"/moved/name": "/file.txt", "/loop": "/loop", "/local": "file:///etc/passwd"}.get(path)
        name = root + (path if path != "/" else "/index")
        if moved:
            self.send_response(302)
            self.send_header("Location", moved)
            data = b""
        elif path == "/huge":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 50))
            self.end_headers()
            self.wfile.write(b"begin")
            return
        elif os.path.isfile(name):
            self.send_response(200)
            if path != "/undated": self.send_header("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
            data = open(name, "rb").read()
        else:
            self.send_response(404)
            data = b"absent"
        self.send_header("Content-Length", str(len(data) + (1 if path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(data)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
    python3 "$BATS_TEST_TMPDIR/web.py" "$WEB_DIR" "$BATS_TEST_TMPDIR/asked" >"$BATS_TEST_TMPDIR/port" 3>&- &
    SERVER=$!
    wait_until test -s "$BATS_TEST_TMPDIR/port"
    WEB=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
    echo content >"$WEB_DIR/file.txt"
}

teardown()
{
    kill "$SERVER" && wait "$SERVER" || true
    cd /
    sc_teardown
}

asked()
{
    cat "$BATS_TEST_TMPDIR/asked"
}

@test "build: ADD fetches an address; mode, time and owner are Docker's" {
    cp "$WEB_DIR/file.txt" "$WEB_DIR/undated"
    cp "$WEB_DIR/file.txt" "$WEB_DIR/a b"
    dockerfile <<END
FROM base
ADD $WEB/file.txt /made/dir/
ADD --chown=7:8 --chmod=751 $WEB/moved/name?x=1 /named
ADD $WEB/undated $WEB/a%20b?q#f /two/
END
    sc_ok build --network none -t x .
    sc_ok run --rm x stat -c '%n %a %u:%g %Y %s' /made/dir/file.txt /named /two/undated '/two/a b'
    is "$output" "/made/dir/file.txt 600 0:0 1136214245 8
/named 751 7:8 1136214245 8
/two/undated 600 0:0 0 8
/two/a b 600 0:0 1136214245 8"
    sc_ok run --rm x cat /named
    is "$output" content
    is "$("$SC" history --no-trunc --format '{{.CreatedBy}}' x | sed -n 3p)" "ADD $WEB/file.txt /made/dir/ # buildkit"
    no_remains
}

@test "build: what an address holds decides whether its step is in the cache" {
    printf 'FROM base\nADD %s /to\nRUN cat /to\n' "$WEB/file.txt" | dockerfile
    sc_ok build .
    sc_ok build .
    is "$(grep -c CACHED <<<"$stderr")" 2
    is "$(asked)" "/file.txt
/file.txt"
    echo changed >"$WEB_DIR/file.txt"
    sc_ok build .
    is "$(grep -c CACHED <<<"$stderr") $(grep -cx changed <<<"$stderr")" "0 1"
    no_remains
}

@test "build: ADD --checksum: another content fails the step, the same is not fetched again" {
    local sum
    sum=sha256:$(sha256sum "$WEB_DIR/file.txt" | cut -d' ' -f1)
    printf 'FROM base\nADD --checksum=%s %s /to\n' "$sum" "$WEB/file.txt" | dockerfile
    sc_ok build .
    sc_ok build .
    is "$(grep -c CACHED <<<"$stderr")" 1
    is "$(asked)" /file.txt
    echo other >"$WEB_DIR/file.txt"
    sc_fails 1 build -q --no-cache .
    expect_error 1 "\"$WEB/file.txt\" is not what --checksum says: it is sha256:$(sha256sum "$WEB_DIR/file.txt" | cut -d' ' -f1)"
    printf 'FROM base\nADD --checksum=md5:1 %s /to\n' "$WEB/file.txt" | dockerfile
    sc_fails 1 build -q .
    expect_error 1 "--checksum=md5:1: it is sha256: and 64 hexadecimal digits"
    printf 'FROM base\nADD --checksum=%s local /to\n' "$sum" | dockerfile
    touch local
    sc_fails 1 build -q .
    expect_error 1 "--checksum is for http and https addresses alone"
    no_remains
}

@test "build: an archive at an address is a file, if --unpack does not say otherwise" {
    mkdir -p tree/in
    echo inside >tree/in/file
    tar -C tree -czf "$WEB_DIR/a.tgz" in
    printf 'FROM base\nADD %s /packed/\nADD --unpack=true %s /unpacked/\n' "$WEB/a.tgz" "$WEB/a.tgz" | dockerfile
    sc_ok build -t x .
    sc_ok run --rm x sh -c 'ls /packed; cat /unpacked/in/file'
    is "$output" "a.tgz
inside"
    no_remains
}

# step_fails SOURCE DEST TEXT
step_fails()
{
    printf 'FROM base\nADD %s %s\n' "$1" "$2" | dockerfile
    sc_fails 1 build -q -t x .
    expect_error 1 "$3"
    no_remains
}

@test "build: ADD of an address that cannot be had is an error, and nothing is left" {
    touch "$WEB_DIR/cut" "$WEB_DIR/index"
    step_fails "$WEB/absent" /to "get \"$WEB/absent\": the server answers with status 404"
    step_fails "$WEB/loop" /to "more than 10 redirects"
    step_fails "$WEB/local" /to "status 404" # no scheme but http is one
    step_fails "$WEB/cut" /to "talk to $WEB"
    step_fails "$WEB/huge" /to "get \"$WEB/huge\": it is larger than 68719476736 bytes"
    step_fails "$WEB/" /dir/ "cannot determine filename for source \"$WEB/\"; name the file in the destination"
    step_fails "$WEB/%2e%2e" /dir/ "status 404"
    step_fails "http://127.0.0.1:1/x" /to "connection refused"
    step_fails "$WEB/repository.git#main" /to "ADD of a git repository is not supported"
    printf 'FROM base\nCOPY %s /to\n' "$WEB/file.txt" | dockerfile
    sc_fails 1 build -q .
    expect_error 1 "source can't be a URL for COPY; ADD fetches it"
    is "$("$SC" images -q | wc -l)" 1
    no_remains
}

@test "build: a build that is ended ends its download" {
    cat >"$BATS_TEST_TMPDIR/slow.py" <<'END'
import socket, sys, time
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
peer.recv(4096)
peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin")
print("begun", flush=True)
try:
    while peer.recv(4096): pass
except ConnectionResetError: pass
print("gone", flush=True)
END
    python3 "$BATS_TEST_TMPDIR/slow.py" >"$BATS_TEST_TMPDIR/slow" 3>&- &
    local slow=$! build
    wait_until test -s "$BATS_TEST_TMPDIR/slow"
    printf 'FROM base\nADD http://127.0.0.1:%s/x /to\n' "$(head -n 1 "$BATS_TEST_TMPDIR/slow")" | dockerfile
    "$SC" build . 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    build=$!
    wait_until grep -q begun "$BATS_TEST_TMPDIR/slow"
    kill "$build"
    wait "$build" && false || is "$?" 143
    wait "$slow"
    is "$(tail -n 1 "$BATS_TEST_TMPDIR/slow")" gone
    no_remains
}
