"""Fuzzes a running service with a property-based tester, from an OpenAPI document.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python fuzz.py OPENAPI.json http://127.0.0.1:8080 [--examples N] [--seed N]

`schemas/openapi.json` is the document of this service. It must run with the development issuer. Ends with 0 when no check failed and every operation was reached with a
success.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
CHECKS = [
    "not_a_server_error",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
]


def token(url):
    form = urllib.parse.urlencode(
        {"grant_type": "client_credentials", "client_id": "dev", "client_secret": "dev"}
    )
    with urllib.request.urlopen(f"{url}/oauth/token", form.encode()) as answer:
        return json.load(answer)["access_token"]


def prepare(url, bearer):
    """Puts the segment and the assignments that the ids of schemathesis.toml name."""
    segment = f"{url}/customer-segment/acme/segments/fuzz-1"
    put(bearer, segment, {"name": {"en": "Fuzz"}, "siteCode": "main", "status": "ACTIVE"})
    for place in ("items/PRODUCT/fuzz-1", "customers/fuzz-1", "customers/fuzz-1/fuzz-1"):
        put(bearer, f"{segment}/{place}", {})


def put(bearer, url, body):
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="PUT")
    urllib.request.urlopen(request).close()


def run(arguments, bearer, report):
    command = [
        pathlib.Path(sys.executable).with_name("schemathesis"),
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        arguments.openapi,
        f"--url={arguments.url}",
        f"--header=Authorization: Bearer {bearer}",
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={arguments.examples}",
        "--mode=all",
        "--continue-on-failure",
        f"--report-har-path={report}",
    ]
    for path, item in json.loads(pathlib.Path(arguments.openapi).read_text())["paths"].items():
        if any(is_stream(item, method) for method in item):
            command.append(f"--exclude-path={path}")
    if arguments.seed is not None:
        command.append(f"--seed={arguments.seed}")
    return subprocess.run(command, check=False).returncode


def is_stream(item, method):
    """Whether the answer has no end, for which the tool would wait."""
    return method != "parameters" and "text/event-stream" in item[method]["responses"].get("200", {}).get("content", {})


def count(openapi, report):
    """Requests and statuses by operation; a word of the path wins over a variable."""
    paths = json.loads(pathlib.Path(openapi).read_text())["paths"]
    patterns = []
    for path in sorted(paths, key=lambda path: path.count("{")):
        expression = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(path))
        patterns.append((path, re.compile(f"^{expression}$")))
    wanted = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters" and not is_stream(item, method)}
    statuses = {operation: collections.Counter() for operation in wanted}
    for entry in json.loads(report.read_text())["log"]["entries"]:
        request = entry["request"]
        path = urllib.parse.urlsplit(request["url"]).path
        for template, pattern in patterns:
            if pattern.match(path):
                operation = (request["method"], template)
                if operation in statuses:
                    statuses[operation][entry["response"]["status"]] += 1
                break
    return statuses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("openapi")
    parser.add_argument("url")
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    bearer = token(arguments.url)
    prepare(arguments.url, bearer)
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.har"
        failed = run(arguments, bearer, report) != 0
        statuses = count(arguments.openapi, report)
    for (method, path), counter in sorted(statuses.items(), key=lambda item: item[0][::-1]):
        reached = any(200 <= status < 300 for status in counter)
        failed |= not reached
        print(f"{'' if reached else 'NEVER A SUCCESS: '}{method} {path}: {dict(sorted(counter.items()))}")
    print(f"{sum(sum(counter.values()) for counter in statuses.values())} requests")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
