#!/usr/bin/env python3
"""Runs a real nginx with deploy/nginx.conf between a client and two stubs, and looks what becomes of each request.

    python3 deploy/tests/gateway.py        (needs nginx and nothing but the standard library)

A stub answers with what it was sent. Words in the path make it misbehave: `silent` never answers, `hangup` closes the
connection after it has read the request, `busy` answers 503 in its own words, `wide` answers with long headers. The change feed
sends one event, and the next when the test says so.
A new case: a line in `ROUTES`, `REFUSED`, or a function among `CHECKS`.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1] / "nginx.conf"
BASE = "/customer-segment/acme/segments"
MEBIBYTE = 1024 * 1024
BUSY = b'{"code":503,"status":"Service Unavailable","message":"my own words"}'

# (method, target, the side that must get it, with exactly this target)
ROUTES = [
    ("GET", BASE, "query"),
    ("GET", BASE + "?q=status%3AACTIVE&pageSize=5", "query"),
    ("GET", BASE + "/g1", "query"),
    ("HEAD", BASE + "/g1", "query"),
    ("GET", BASE + "/bulk", "query"),
    ("POST", BASE + "/search", "query"),
    ("POST", BASE + "/se%61rch?pageSize=2", "query"),
    ("POST", BASE + "/match?siteCode=main", "query"),
    ("POST", BASE + "/g1/items/search", "query"),
    ("POST", BASE + "/g1/customers/search", "query"),
    ("POST", BASE + "/a%0Ab/items/search", "query"),
    ("POST", BASE, "command"),
    ("POST", BASE + "?q=/search", "command"),
    ("POST", BASE + "/bulk", "command"),
    ("POST", BASE + "/research", "command"),
    ("PUT", BASE + "/bulk", "command"),
    ("PUT", BASE + "/search", "command"),
    ("DELETE", BASE + "/bulk?forceDelete=true", "command"),
    ("PUT", BASE + "/g1", "command"),
    ("PATCH", BASE + "/g1", "command"),
    ("DELETE", BASE + "/g1?forceDelete=true", "command"),
    ("PUT", BASE + "/g1/items/PRODUCT/match", "command"),
    ("DELETE", BASE + "/g1/items/PRODUCT/p1", "command"),
    ("OPTIONS", BASE, "command"),
    # As it came: nothing decoded, resolved or joined.
    ("PUT", BASE + "/a%2Fb%20c/items/PRODUCT/%C3%BC%25?x=%2F&y=+", "command"),
    ("GET", BASE + "/a%2fb", "query"),
    ("GET", BASE + "/%2E%2E/items", "query"),
    ("PUT", BASE + "//g1", "command"),
    ("POST", BASE + "//search", "query"),
    ("POST", "/customer-segment/acme/events", "command"),
    ("GET", "/customer-segment/acme/events/x", "query"),
    ("PUT", "/reference/acme/product/bulk", "command"),
    ("DELETE", "/reference/acme/productCategory/bulk", "command"),
    ("GET", "/reference/acme/product/bulk", "query"),
    ("POST", "/oauth/token", "command"),
    ("GET", "/.well-known/jwks.json", "command"),
    ("GET", "/openapi.json", "query"),
    ("GET", "/asyncapi.yaml", "query"),
    ("GET", "/docs", "query"),
    ("GET", "/docs/page.js?x=%2F", "query"),
    ("GET", "/schemas/events/segment-created.v1.json", "query"),
    ("POST", "/docs", "query"),
]

# (what, method, target, headers, body, the status of the gateway's own answer)
REFUSED = [
    ("metrics are not for clients", "GET", "/metrics", {}, b"", 404),
    ("another path", "GET", "/elsewhere", {}, b"", 404),
    ("a path that only begins so", "GET", "/docsx", {}, b"", 404),
    ("a path that only ends so", "GET", "/x/openapi.json", {}, b"", 404),
    ("a way out", "GET", BASE + "/../../../metrics", {}, b"", 404),
    ("a way above the root", "GET", "/../x", {}, b"", 400),
    ("the gateway's inner paths", "GET", "/.gateway/413", {}, b"", 404),
    ("TRACE", "TRACE", BASE, {}, b"", 405),
    ("a body far too long", "POST", BASE, {"Content-Length": str(12 * MEBIBYTE)}, b"", 413),
    ("a URL far too long", "GET", BASE + "?q=" + "x" * 70_000, {}, b"", 414),
    ("a header far too long", "GET", BASE, {"X-Long": "x" * 70_000}, b"", 431),
    ("percent and no digits", "GET", BASE + "/%zz", {}, b"", 400),
]


class Stub(BaseHTTPRequestHandler):
    """A service that tells what it was sent."""

    protocol_version = "HTTP/1.1"
    side = ""

    def answer(self):
        body = self.read_body()
        self.server.seen.append((self.command, self.path))
        if "silent" in self.path:
            time.sleep(5)
        if "silent" in self.path or "hangup" in self.path:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if "/health/ready" in self.path:
            self.reply(200 if self.server.is_ready else 503, b'{"status":"%s"}' % self.side.encode())
        elif self.command == "GET" and self.path.split("?")[0].endswith("/events"):
            self.stream()
        elif "busy" in self.path:
            self.reply(503, BUSY)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = {"side": self.side, "method": self.command, "target": self.path, "body": len(body), "headers": headers}
            self.reply(200, json.dumps(seen).encode(), {"X-Wide": "w" * 12_000} if "wide" in self.path else {})

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self):
        """Two events in chunks, the second when it is wanted."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in (b"data: 1\n\n", b"data: 2\n\n", b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            if event.endswith(b"1\n\n"):
                self.server.go_on.wait(10)

    def log_message(self, *_):
        """Says nothing."""

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer


class Gateway:
    """nginx in a folder of its own, between two stubs."""

    def __init__(self, folder):
        self.command, self.query = start_stub("command"), start_stub("query")
        self.port = free_port()
        self.process = None
        self.folder = folder

    def start(self, nginx, patience):
        """Fills the template in; `patience` replaces the seconds that it waits for a service."""
        conf = TEMPLATE.read_text(encoding="utf-8")
        assert "proxy_read_timeout 30s;" in conf, "the time-out that is shortened here has changed"
        conf = conf.replace("proxy_read_timeout 30s;", f"proxy_read_timeout {patience};")
        for name, value in {
            "${LISTEN}": f"127.0.0.1:{self.port}",
            "${COMMAND_UPSTREAM}": f"127.0.0.1:{self.command.server_port}",
            "${QUERY_UPSTREAM}": f"127.0.0.1:{self.query.server_port}",
        }.items():
            assert name in conf, f"{name} is not in the template"
            conf = conf.replace(name, value)
        (self.folder / "nginx.conf").write_text(conf, encoding="utf-8")
        arguments = [nginx, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]
        subprocess.run([*arguments, "-t", "-q"], check=True)
        log = (self.folder / "error.log").open("wb")
        self.process = subprocess.Popen([*arguments, "-g", "daemon off;"], stderr=log)
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)) != 0:
            assert time.monotonic() < deadline and self.process.poll() is None, "nginx does not start"
            time.sleep(0.02)

    def stop(self):
        """Ends nginx and the stubs."""
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        self.stop_stubs()

    def stop_stubs(self):
        """Nobody listens any more where the services were."""
        for stub in (self.command, self.query):
            if stub.fileno() != -1:
                stub.shutdown()
                stub.server_close()

    def ask(self, method, target, headers=None, body=b""):
        """One request on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, target, skip_accept_encoding=True)
        headers = dict(headers or {})
        if body and "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        if body:
            connection.send(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def seen(self):
        """What the stubs were asked since the last look, as (side, method, target)."""
        both = [(stub.RequestHandlerClass.side, *request) for stub in (self.command, self.query) for request in stub.seen]
        self.command.seen.clear()
        self.query.seen.clear()
        return both


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start_stub(side):
    """A stub on a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type(side, (Stub,), {"side": side}))
    server.daemon_threads = True
    server.seen, server.is_ready, server.go_on = [], True, threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def assert_error(case, answer, status, kind=None):
    """The answer is the API's Error object, and nothing else."""
    got, headers, content = answer
    assert got == status, f"{case}: {got} instead of {status}: {content[:200]!r}"
    assert headers["content-type"] == "application/json", f"{case}: {headers}"
    error = json.loads(content)
    assert error["code"] == status and error["status"] and error["message"], f"{case}: {error}"
    assert error.get("details", {}).get("type") == kind or kind is None, f"{case}: {error}"
    assert ("retry-after" in headers) == (status == 503), f"{case}: {headers}"


def every_request_reaches_its_side_as_it_was_sent(gateway):
    for method, target, side in ROUTES:
        status, headers, _ = gateway.ask(method, target)
        assert status == 200, f"{method} {target}: {status}"
        assert headers["content-type"] == "application/json", f"{method} {target}: {headers}"
        assert gateway.seen() == [(side, method, target)], f"{method} {target} must reach {side}"
    return len(ROUTES)


def what_the_gateway_refuses_has_the_shape_of_the_api(gateway):
    for case, method, target, headers, body, status in REFUSED:
        assert_error(case, gateway.ask(method, target, headers, body), status)
        assert gateway.seen() == [], f"{case}: a service was asked"
    with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
        raw.sendall(b"this is not HTTP\r\n\r\n")
        answer = raw.makefile("rb").read()
    assert b" 400 " in answer.split(b"\r\n")[0] and json.loads(answer.split(b"\r\n\r\n")[1])["code"] == 400, answer
    return len(REFUSED) + 1


def the_limits_of_the_api_fit_through(gateway):
    headers = {"X-One": "x" * (60 * 1024 - 200), "X_under_score": "1", "Idempotency-Key": "k", "If-Match": '"a.1"'}
    # (what, method, target, headers, body)
    cases = [
        ("a URL of 10 KiB", "GET", BASE + "?q=" + "x" * (10 * 1024 - len(BASE) - 3), {}, b""),
        ("a URL that a service must refuse itself", "GET", BASE + "?q=" + "x" * 20_000, {}, b""),
        ("headers of 60 KiB in one line", "PUT", BASE + "/g1", headers, b"{}"),
        ("headers of 60 KiB in many lines", "GET", BASE, {f"X-{n}": "x" * 1_000 for n in range(60)}, b""),
        ("headers that a service must refuse itself", "GET", BASE, {f"X-{n}": "x" * 1_000 for n in range(80)}, b""),
        ("a body of 10 MiB", "POST", BASE, {}, b"x" * 10 * MEBIBYTE),
        ("a body that a service must refuse itself", "POST", BASE, {}, b"x" * (10 * MEBIBYTE + 1)),
        ("a chunked body", "POST", BASE, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n"),
    ]
    for case, method, target, sent, body in cases:
        status, _, content = gateway.ask(method, target, sent, body)
        assert status == 200, f"{case}: {status} {content[:200]!r}"
        seen = json.loads(content)
        assert seen["target"] == target, case
        assert seen["body"] == (5 if "chunked" in sent.get("Transfer-Encoding", "") else len(body)), case
        size = lambda all: sum(len(name) + len(value) + 4 for name, value in all.items())
        added = size(seen["headers"]) - size(sent) - len(f"Host: 127.0.0.1:{gateway.port}\r\n")
        assert added <= len("Content-Length: 10485761\r\n"), f"{case}: the gateway adds {added} bytes of headers"
        # A chunked body that came in one piece may go on with its length instead.
        missing = {name.lower() for name in sent} - set(seen["headers"]) - {"transfer-encoding"}
        assert not missing, f"{case}: {missing}"
    gateway.seen()
    return len(cases)


def a_service_that_does_not_answer_is_told_in_the_words_of_the_api(gateway):
    for case, method, target, status, kind in [
        ("a write that may have been executed", "PUT", BASE + "/hangup", 504, "outcome-unknown"),
        ("a write that takes too long", "POST", BASE + "?silent", 504, "outcome-unknown"),
        ("a deletion that may have been executed", "DELETE", BASE + "/hangup", 504, "outcome-unknown"),
        ("a read that breaks off", "GET", BASE + "/hangup", 503, "unavailable"),
        ("a search that breaks off", "POST", BASE + "/search?hangup", 503, "unavailable"),
        ("a read that takes too long", "GET", BASE + "/silent", 503, "unavailable"),
    ]:
        assert_error(case, gateway.ask(method, target, body=b"{}" if method != "GET" else b""), status, kind)
        assert len(gateway.seen()) == 1, f"{case}: it was sent more than once"
    for method in ("PUT", "GET"):
        answer = gateway.ask(method, BASE + "/busy")
        assert answer[0] == 503 and answer[2] == BUSY, f"what a service says itself is passed on: {answer}"
    status, headers, _ = gateway.ask("GET", BASE + "/wide")
    assert status == 200 and len(headers["x-wide"]) == 12_000, "long headers of an answer fit"
    gateway.seen()
    return 9


def events_pass_as_they_come(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    target = "/customer-segment/acme/events?access_token=secret&type=a%2Cb"
    connection.request("GET", target, headers={"Last-Event-ID": "e1"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (200, "text/event-stream")
    first = answer.read(9)
    assert first == b"data: 1\n\n", f"the second event does not exist yet, and the first must be here: {first!r}"
    gateway.query.go_on.set()
    assert answer.read() == b"data: 2\n\n"
    connection.close()
    assert gateway.seen() == [("query", "GET", target)], "it came as it was sent"
    for _ in range(2):
        # One that breaks off is in nobody's log.
        status, _, _ = gateway.ask("GET", "/customer-segment/acme/events?hangup&access_token=secret")
        assert status == 503, status
    gateway.seen()
    log = (gateway.folder / "error.log").read_text(encoding="utf-8", errors="replace")
    assert "secret" not in log, f"a token is in the log: {log}"
    return 3


def health_is_that_of_both_sides(gateway):
    assert gateway.ask("GET", "/health/live")[0] == 200
    for command, query, expected in [(True, True, 200), (False, True, 503), (True, False, 503), (False, False, 503)]:
        gateway.command.is_ready, gateway.query.is_ready = command, query
        status, headers, content = gateway.ask("GET", "/health/ready")
        assert status == expected, f"command {command}, query {query}: {status}"
        assert headers["content-type"] == "application/json" and json.loads(content)["status"]
    gateway.command.is_ready = gateway.query.is_ready = True
    gateway.seen()
    return 5


def a_service_that_is_not_there_has_executed_nothing(gateway):
    for case, method, target, status, kind in [
        ("a write", "PUT", BASE + "/g1", 503, "not-executed"),
        ("a creation", "POST", BASE, 503, "not-executed"),
        ("a token", "POST", "/oauth/token", 503, "not-executed"),
        ("a read", "GET", BASE, 503, "unavailable"),
        ("a search", "POST", BASE + "/search", 503, "unavailable"),
    ]:
        assert_error(case, gateway.ask(method, target, body=b"{}" if method != "GET" else b""), status, kind)
    status, headers, content = gateway.ask("GET", "/health/ready")
    assert (status, headers["content-type"]) == (503, "application/json") and json.loads(content)["status"] == "DOWN"
    assert gateway.ask("GET", "/health/live")[0] == 200
    return 7


CHECKS = [
    every_request_reaches_its_side_as_it_was_sent,
    what_the_gateway_refuses_has_the_shape_of_the_api,
    the_limits_of_the_api_fit_through,
    a_service_that_does_not_answer_is_told_in_the_words_of_the_api,
    events_pass_as_they_come,
    health_is_that_of_both_sides,
]
# With nobody where the services should be.
CHECKS_ALONE = [a_service_that_is_not_there_has_executed_nothing]


def run(nginx, checks, has_services):
    """Runs checks against one nginx; whether all of them hold."""
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(Path(folder))
        try:
            if not has_services:
                gateway.stop_stubs()
            gateway.start(nginx, patience="1s")
            for check in checks:
                print(f"gateway: {check.__name__.replace('_', ' ')}: {check(gateway)} cases", flush=True)
        except AssertionError as failure:
            print(f"gateway: FAILED: {failure}", file=sys.stderr)
            print((gateway.folder / "error.log").read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
            return False
        finally:
            gateway.stop()
    return True


def main():
    """Runs all checks."""
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if nginx is None:
        print("gateway: nginx is not installed", file=sys.stderr)
        return 1
    return 0 if run(nginx, CHECKS, has_services=True) and run(nginx, CHECKS_ALONE, has_services=False) else 1


if __name__ == "__main__":
    sys.exit(main())
