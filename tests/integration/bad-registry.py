#!/usr/bin/env python3
"""bad-registry.py UPSTREAM LOG [CERTIFICATE KEY]: a registry that misbehaves, in front of one that does not (UPSTREAM, http://host:port).

The first component of the repository says how; the rest is passed on:

    slow-drop/X    blobs break off after a third of the rest, each time (Range is honoured)
    drop-once/X    the same, but only the first time
    no-range/X     the same, and Range is not known: it all comes again
    range-refused/X  the same as drop-once, and a Range is answered by 416
    range-lies/X   the same as drop-once, and a Range is answered by 206 from the first byte on
    hold/X         the last byte of a blob comes once the file LOG.go is there
    busy/X         429 with Retry-After: 1 for the first two requests
    busy-date/X    429 with Retry-After as a date of the past for the first two requests
    busy-long/X    429 with Retry-After: 3600
    sick/X         503 for the first two requests
    loop/X         everything is redirected to itself
    wrong/X        every blob has one bit flipped
    long/X         every blob has a byte more than the manifest says
    away/X         blobs are redirected to another port of this host (UPSTREAM itself)
    digest/X       Docker-Content-Digest of another manifest
    lies/X         manifests have one byte changed
    zip/X          manifests are packed by gzip, whatever was asked for
    endless/X      every blob is refused, in words that do not end; its tags are null
    both/X         the manifest is an index of it, which is also a manifest
    short/X        the manifest is an index of it, which says a byte more of its size
    schema1/X      manifests are of Docker's schema 1
    secret/X       wants Basic user:pass; blobs are redirected to this server's other port, and so is the rest of the tags
    moved/X        is redirected to secret/X of this server
    thief/X        wants a bearer token of the other port's service
    token-sick/X   the same as token, but the token service answers 503 the first time
    token-gone/X   its token service is not there
    token-odd/X    its token service answers with something else
    token-plain/X  its token service is at http://token.invalid
    token-brief/X  the same as token, but a token is good for two requests
    token-never/X  the same as token, but no token is good
    token/X        wants a bearer token of its own service, for user:pass

What is pushed is passed on as well:

    no-mount/X     a blob of another repository is refused
    cut/X          the first blob breaks off after half of it, which arrives
    forget/X       the same, of which nothing arrives
    resume/X       the same, and it says how far it is; it keeps nothing

It is a proxy too: of an address that is sent whole the host is left out.
It prints its port, then its second port, then one on which it speaks TLS where it was given a certificate, and logs "PORT METHOD PATH AUTHORIZATION RANGE" to LOG, one request a line."""
import base64
import gzip
import hashlib
import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request

upstream, log_path = sys.argv[1:3]
seen = {}
uploads = []
lock = threading.Lock()
basic = "Basic " + base64.b64encode(b"user:pass").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drone(self, status):
        self.send_response(status)
        self.end_headers()
        try:
            while True:
                self.wfile.write(65536 * b"x")
        except OSError:
            self.close_connection = True

    def say_part(self, status, body, headers, size):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:size])
        self.close_connection = True

    def count(self, key):
        with lock:
            seen[key] = seen.get(key, 0) + 1
            return seen[key]

    def do_GET(self):
        port = self.server.server_address[1]
        auth, span = self.headers.get("Authorization", "-"), self.headers.get("Range", "-")
        with lock, open(log_path, "a") as log:
            log.write(f"{port} {self.command} {self.path} {auth.replace(' ', '_')} {span}\n")
        if self.path.startswith("http://"):
            self.path = "/" + self.path.split("/", 3)[3]
        if self.path.startswith("/token-odd"):
            return self.say(200, b"<html>")
        if self.path.startswith("/token-sick") and self.count("token-sick") == 1:
            return self.say(503)
        if self.path.startswith("/token-brief"):
            return self.token(auth, f"brief{self.count('token-brief')}")
        if self.path.startswith("/token"):
            return self.token(auth)
        self.path = self.path.replace("/secret/v2/", "/v2/secret/", 1)
        if self.path in ("/v2/", "/v2", "/v2/secret/"):
            if auth == basic:
                return self.say(200, b"{}")
            return self.say(401, b"", [("WWW-Authenticate", 'Basic realm="r"')])
        how, rest = self.path[len("/v2/"):].split("/", 1)
        kind = "blobs" if "/blobs/" in rest else "manifests"
        if how == "resume":
            return self.look_at(rest)
        if how == "busy" and self.count(("busy", kind)) <= 2:
            return self.say(429, b"{}", [("Retry-After", "1")])
        if how == "busy-date" and self.count(("busy-date", kind)) <= 2:
            return self.say(429, b"{}", [("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")])
        if how == "busy-long":
            return self.say(429, b"{}", [("Retry-After", "3600")])
        if how == "loop":
            return self.say(302, b"", [("Location", self.path)])
        if how == "sick" and self.count(("sick", kind)) <= 2:
            return self.say(503, b"")
        if how == "secret" and auth != basic:
            return self.say(401, b"", [("WWW-Authenticate", 'Basic realm="r"')])
        if how == "endless" and rest.endswith("/tags/list"):
            return self.say(200, b'{"tags":null}')
        if how == "secret" and rest.endswith("/tags/list"):
            more = f'<http://127.0.0.1:{ports[1]}/v2/thief/{rest}>; rel="next"'
            return self.say(200, b'{"tags":["1"]}', [("Link", more)])
        if how == "moved":
            return self.say(307, b"", [("Location", f"/v2/secret/{rest}")])
        if how == "thief":
            return self.say(401, b"", [("WWW-Authenticate", f'Bearer realm="http://127.0.0.1:{ports[1]}/token"')])
        if how == "token-plain":
            return self.say(401, b"", [("WWW-Authenticate", 'Bearer realm="http://token.invalid/token"')])
        if how in ("token-sick", "token-gone", "token-odd") and auth != "Bearer good":
            port = 1 if how == "token-gone" else ports[0]
            where = f'Bearer realm="http://127.0.0.1:{port}/{how}",service="s",scope="repository:token/x:pull"'
            return self.say(401, b"", [("WWW-Authenticate", where)])
        if how == "token-never" or how == "token-brief" and (not auth.startswith("Bearer brief") or self.count(auth) > 2):
            where = f'Bearer realm="http://127.0.0.1:{ports[0]}/{how}",service="s",scope="repository:token/x:pull"'
            return self.say(401, b"", [("WWW-Authenticate", where)])
        if how == "token" and auth != "Bearer good":
            where = f'Bearer realm="http://127.0.0.1:{ports[0]}/token",service="s",scope="repository:token/x:pull"'
            return self.say(401, b"", [("WWW-Authenticate", where)])
        if how == "away" and kind == "blobs":
            return self.say(307, b"", [("Location", f"{upstream}/v2/{rest}")])
        if how == "secret" and kind == "blobs":
            return self.say(302, b"", [("Location", f"http://127.0.0.1:{ports[1]}/v2/plain/{rest}")])
        return self.relay(how, rest, kind, span)

    do_HEAD = do_GET

    def do_PUT(self):
        port = self.server.server_address[1]
        with lock, open(log_path, "a") as log:
            log.write(f"{port} {self.command} {self.path}\n")
        how, rest = self.path[len("/v2/"):].split("/", 1)
        size = int(self.headers.get("Content-Length", 0))
        if how == "no-mount" and "mount=" in rest:
            return self.say(403, b'{"errors":[{"code":"DENIED"}]}')
        is_cut = how in ("cut", "forget", "resume") and size > 1000 and "/blobs/" in rest and self.count(how) == 1
        body = self.rfile.read(size // 2 if is_cut else size)
        if how == "resume":
            answer = self.take(rest, body)
        elif how == "forget" and is_cut:
            answer = None
        else:
            answer = self.pass_on(how, rest, "PATCH" if is_cut else self.command, body)
        if is_cut:
            self.close_connection = True
            return None
        return self.say(*answer)

    do_POST = do_PATCH = do_PUT

    def pass_on(self, how, rest, method, body):
        names = [name for name in ("Content-Type", "Content-Range") if self.headers[name]]
        request = urllib.request.Request(f"{upstream}/v2/{rest}", data=body, method=method,
                                         headers={name: self.headers[name] for name in names})
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        location = answer.headers["Location"].replace(f"{upstream}/v2/", f"/v2/{how}/")
        return answer.status, answer.read(), [("Location", location)]

    # An upload's address says where it goes on.
    def take(self, rest, body):
        if self.command == "POST":
            uploads.append(bytearray())
            return 202, b"", [("Location", f"up/{len(uploads) - 1}?at=0")]
        if "/manifests/" in rest:
            return 201, b""
        number, query = rest.split("/up/")[1].split("?")
        data = uploads[int(number)]
        if query.split("&")[0] != f"at={len(data)}":
            return 416, b""
        data += body
        if self.command == "PUT":
            return 201 if query.endswith(hashlib.sha256(data).hexdigest()) else 400, b""
        return 202, b"", [("Location", f"{number}?at={len(data)}"), ("Range", f"0-{len(data) - 1}")]

    def look_at(self, rest):
        if "/up/" not in rest:
            return self.say(404)
        number = rest.split("/up/")[1].split("?")[0]
        size = len(uploads[int(number)])
        return self.say(204, b"", [("Location", f"{number}?at={size}"), ("Range", f"0-{max(size, 1) - 1}")])

    def token(self, auth, token="good"):
        if auth != basic:
            return self.say(401, b"{}")
        return self.say(200, json.dumps({"token": token, "expires_in": 300}).encode())

    def relay(self, how, rest, kind, span):
        request = urllib.request.Request(f"{upstream}/v2/{rest}", headers={"Accept": self.headers.get("Accept", "*/*")})
        for accept in self.headers.get_all("Accept", []):
            request.add_unredirected_header("Accept", ", ".join(self.headers.get_all("Accept")))
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            return self.say(error.code, error.read())
        body = answer.read()
        headers = [("Content-Type", answer.headers["Content-Type"])]
        if kind == "manifests":
            if how == "schema1":
                headers = [("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")]
            elif how == "digest":
                headers.append(("Docker-Content-Digest", "sha256:" + 64 * "0"))
            elif answer.headers["Docker-Content-Digest"]:
                headers.append(("Docker-Content-Digest", answer.headers["Docker-Content-Digest"]))
            if how in ("both", "short") and "/sha256:" not in rest:
                item = {"mediaType": answer.headers["Content-Type"], "digest": "sha256:" + hashlib.sha256(body).hexdigest(),
                        "size": len(body) + (how == "short")}
                index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [item]}
                if how == "both":
                    index.update(layers=[])
                return self.say(200, json.dumps(index).encode(), [("Content-Type", index["mediaType"])])
            if how == "lies":
                body = body.replace(b'"schemaVersion":2', b'"schemaVersion": 2')
            if how == "zip":
                body = gzip.compress(body)
                headers.append(("Content-Encoding", "gzip"))
            return self.say(200, body, headers)
        if how == "endless" and kind == "blobs":
            return self.drone(410)
        if how == "wrong":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if how == "long":
            body += b"x"
        start, status = 0, 200
        if span.startswith("bytes=") and how == "range-refused":
            return self.say(416)
        if span.startswith("bytes=") and how != "no-range":
            start, status = int(span[len("bytes="):].split("-")[0]), 206
            if how == "range-lies":
                start = 0
            headers.append(("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}"))
        body = body[start:]
        drops = how == "slow-drop" or (how in ("drop-once", "no-range", "range-refused", "range-lies") and self.count((how, rest)) == 1)
        if drops and len(body) > 1000:
            return self.say_part(status, body, headers, len(body) // 3)
        if how == "hold" and len(body) > 1000:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:-1])
            while not os.path.exists(f"{log_path}.go"):
                time.sleep(0.02)
            self.wfile.write(body[-1:])
            return None
        return self.say(status, body, headers)


servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
if len(sys.argv) > 3:
    servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    servers[2].socket = context.wrap_socket(servers[2].socket, server_side=True)
ports = [server.server_address[1] for server in servers]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*ports, flush=True)
servers[0].serve_forever()
