#!/usr/bin/env python3
"""bad-registry.py UPSTREAM LOG: a registry that misbehaves, in front of one that does not (UPSTREAM, http://host:port).

The first component of the repository says how; the rest is passed on:

    slow-drop/X    blobs break off after a third of the rest, each time (Range is honoured)
    drop-once/X    the same, but only the first time
    no-range/X     the same, and Range is not known: it all comes again
    hold/X         the last byte of a blob comes once the file LOG.go is there
    busy/X         429 with Retry-After: 1 for the first two requests
    sick/X         503 for the first two requests
    wrong/X        every blob has one bit flipped
    long/X         every blob has a byte more than the manifest says
    away/X         blobs are redirected to another port of this host (UPSTREAM itself)
    lies/X         manifests have one byte changed
    schema1/X      manifests are of Docker's schema 1
    secret/X       wants Basic user:pass; blobs are redirected to this server's other port
    token/X        wants a bearer token of its own service, for user:pass

It prints its port, then its second port, and logs "PORT METHOD PATH AUTHORIZATION RANGE" to LOG, one request a line."""
import base64
import http.server
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

upstream, log_path = sys.argv[1], sys.argv[2]
seen = {}
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

    def count(self, key):
        with lock:
            seen[key] = seen.get(key, 0) + 1
            return seen[key]

    def do_GET(self):
        port = self.server.server_address[1]
        auth, span = self.headers.get("Authorization", "-"), self.headers.get("Range", "-")
        with lock, open(log_path, "a") as log:
            log.write(f"{port} {self.command} {self.path} {auth.replace(' ', '_')} {span}\n")
        if self.path.startswith("/token"):
            return self.token(auth)
        if self.path in ("/v2/", "/v2"):
            if auth == basic:
                return self.say(200, b"{}")
            return self.say(401, b"", [("WWW-Authenticate", 'Basic realm="r"')])
        how, rest = self.path[len("/v2/"):].split("/", 1)
        kind = "blobs" if "/blobs/" in rest else "manifests"
        if how == "busy" and self.count(("busy", kind)) <= 2:
            return self.say(429, b"{}", [("Retry-After", "1")])
        if how == "sick" and self.count(("sick", kind)) <= 2:
            return self.say(503, b"")
        if how == "secret" and auth != basic:
            return self.say(401, b"", [("WWW-Authenticate", 'Basic realm="r"')])
        if how == "token" and auth != "Bearer good":
            where = f'Bearer realm="http://127.0.0.1:{ports[0]}/token",service="s",scope="repository:token/x:pull"'
            return self.say(401, b"", [("WWW-Authenticate", where)])
        if how == "away" and kind == "blobs":
            return self.say(307, b"", [("Location", f"{upstream}/v2/{rest}")])
        if how == "secret" and kind == "blobs":
            return self.say(302, b"", [("Location", f"http://127.0.0.1:{ports[1]}/v2/plain/{rest}")])
        return self.relay(how, rest, kind, span)

    do_HEAD = do_GET

    def token(self, auth):
        if auth != basic:
            return self.say(401, b"{}")
        return self.say(200, json.dumps({"token": "good", "expires_in": 300}).encode())

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
            elif answer.headers["Docker-Content-Digest"]:
                headers.append(("Docker-Content-Digest", answer.headers["Docker-Content-Digest"]))
            if how == "lies":
                body = body.replace(b'"schemaVersion":2', b'"schemaVersion": 2')
            return self.say(200, body, headers)
        if how == "wrong":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if how == "long":
            body += b"x"
        start, status = 0, 200
        if span.startswith("bytes=") and how != "no-range":
            start, status = int(span[len("bytes="):].split("-")[0]), 206
            headers.append(("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}"))
        body = body[start:]
        drops = how == "slow-drop" or (how in ("drop-once", "no-range") and self.count((how, rest)) == 1)
        if drops and len(body) > 1000:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:len(body) // 3])
            self.close_connection = True
            return None
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
ports = [server.server_address[1] for server in servers]
threading.Thread(target=servers[1].serve_forever, daemon=True).start()
print(*ports, flush=True)
servers[0].serve_forever()
