#!/usr/bin/env python3
"""Holds docker-compose.yml against the programs that it starts: what no schema of the file format can know.

    python3 deploy/tests/compose.py        (needs PyYAML)
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = ("command-service", "query-service")


def source(path):
    """A file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def variables_of(service):
    """The environment variables that a service knows, from where its arguments are declared."""
    declared = source("shared/src/config.rs") + source(f"{service}/src/config.rs")
    return set(re.findall(r'env = "([A-Z_]+)"', declared))


def what_is_named_exists():
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} depends on {other}, which is not there"
            needs_check = how["condition"] == "service_healthy" and other not in OURS
            assert not needs_check or "healthcheck" in SERVICES[other], f"{other} has no health check"
        for volume in service.get("volumes", []):
            where = volume.split(":")[0]
            assert where in COMPOSE["volumes"] or (where.startswith(".") and (ROOT / where).exists()), f"{name}: {where}"
        if "build" in service:
            dockerfile = source(service["build"]["dockerfile"])
            assert f"AS {service['build']['target']}\n" in dockerfile, f"{name}: no such target"
            assert "HEALTHCHECK" in dockerfile


def the_services_know_their_variables():
    for name in OURS:
        unknown = set(SERVICES[name]["environment"]) - variables_of(name)
        assert not unknown, f"{name} knows no {unknown}"
        assert ("DEV_ISSUER" in SERVICES[name]["environment"]) != ("JWKS_URL" in SERVICES[name]["environment"]), name


def the_topics_have_the_settings_that_are_checked_at_start():
    topics = source("shared/src/log/kafka/topics.rs")
    table = re.search(r"const REQUIRED: .*?= \[(.*?)\];", topics, re.S)
    required = dict(re.findall(r'\("([a-z.]+)", "([^"]+)"\)', table[1])) if table else {}
    assert len(required) == 4, "the table of required settings was found"
    mebibytes = re.search(r"MAX_MESSAGE_BYTES: u32 = (\d+) \* 1024 \* 1024", source("shared/src/log/kafka/config.rs"))
    required["max.message.bytes"] = str(int(mebibytes[1]) * 1024 * 1024)
    compacted = dict(re.findall(r'const COMPACTED: .*?= \("([a-z.]+)", "([^"]+)"\);', topics))
    assert len(compacted) == 1, "the required setting of the other topic was found"
    script = SERVICES["topics"]["command"][0]
    for topic, settings in {"segments.events.v1": required, "reference.v1": compacted}.items():
        command = re.search(rf"--topic {re.escape(topic)}\b(.*?)(?=\n\s*topics |\Z)", script, re.S)
        created = dict(re.findall(r"--config ([a-z.]+)=(\S+)", command[1]))
        for name, value in settings.items():
            assert created.get(name) == value, f"{topic}: {name} is {created.get(name)}, not {value}"
    for name in OURS:
        assert f"--partitions {SERVICES[name]['environment']['KAFKA_PARTITIONS']} " in script, name
    for default in ("segments.events.v1", "segments.writers.lock", "reference.v1"):
        assert f"--topic {default}" in script and default in source("shared/src/config.rs"), default


def versions_are_those_of_the_local_parts():
    version = re.search(r'VERSION: &str = "([^"]+)"', source("local-parts/src/kafka/settings.rs"))[1]
    assert {SERVICES[name]["image"] for name in ("kafka", "topics")} == {f"apache/kafka:{version}"}
    postgres = re.search(r'GenericImage::new\("postgres", "(\d+)"\)', source("local-parts/src/containers.rs"))[1]
    assert SERVICES["postgres"]["image"] == f"postgres:{postgres}"
    rust = re.search(r'rust-version = "([^"]+)"', source("Cargo.toml"))[1]
    assert f"FROM rust:{rust}-" in source("deploy/Dockerfile")


def the_gateway_is_filled_in_and_stays_on_this_machine():
    gateway = SERVICES["gateway"]["environment"]
    filter_ = re.compile(gateway["NGINX_ENVSUBST_FILTER"].replace("$$", "$"))
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", re.sub("(?m)^#.*", "", source("deploy/nginx.conf"))))
    assert wanted == {name for name in gateway if filter_.match(name)}, wanted
    for name in ("COMMAND_UPSTREAM", "QUERY_UPSTREAM"):
        assert gateway[name].split(":")[0] in SERVICES, gateway[name]
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is published to the network, with a development issuer behind it"


CHECKS = [
    what_is_named_exists,
    the_services_know_their_variables,
    the_topics_have_the_settings_that_are_checked_at_start,
    versions_are_those_of_the_local_parts,
    the_gateway_is_filled_in_and_stays_on_this_machine,
]


def main():
    """Runs all checks."""
    for check in CHECKS:
        try:
            check()
        except AssertionError as failure:
            print(f"compose: FAILED: {check.__name__.replace('_', ' ')}: {failure}", file=sys.stderr)
            return 1
        print(f"compose: {check.__name__.replace('_', ' ')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
