#!/usr/bin/env python3
"""Reads every record of the event topic as a stranger would: with the CloudEvents SDK and the published schemas.

Prints one JSON line per record, in the order of each partition, and on standard error a summary. Exit code 0 when every
record up to the present end of the topic was understood; 1 when one was not (the line before the end says which and why);
2 when the end was not reached in time, or when other than the expected number of records came.

    pip install -r requirements.txt
    python read_events.py --brokers localhost:9092 --topic segments.events.v1
"""

import argparse
import json
import sys
import time
from datetime import timezone
from pathlib import Path
from uuid import UUID

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from confluent_kafka import Consumer, KafkaError, TopicPartition
from jsonschema import Draft202012Validator, FormatChecker

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "events"
PREFIX = "customer-segment."
CONTROL = PREFIX + "writer-"
# Extensions of every fact; control records have only writerid.
FACT_EXTENSIONS = ["tenant", "sequence", "actor", "writerid", "pseq", "cmdid", "cmdhash", "chain", "partitionkey"]


class NotUnderstood(Exception):
    """A record is not what the published contract says."""


def load_validators(folder):
    """The schemas by their $id, which is the `dataschema` of the records."""
    validators = {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        validators[schema["$id"]] = Draft202012Validator(schema, format_checker=FormatChecker())
    if not validators:
        raise SystemExit(f"no schemas in {folder}")
    return validators


def require(condition, message):
    """Stops the record that is being read."""
    if not condition:
        raise NotUnderstood(message)


def understand(message, validators):
    """The CloudEvent in a Kafka message, checked against everything that is published about it."""
    headers = message.headers() or []
    require(len({name for name, _ in headers}) == len(headers), "a header comes twice")
    event = from_binary_event(KafkaMessage(headers=dict(headers), key=message.key(), value=message.value()))
    kind = event.get_type()
    require(kind.startswith(PREFIX), f"type {kind!r}")
    require(event.get_dataschema() == f"urn:customer-segment:schema:{kind.removeprefix(PREFIX)}", "dataschema")
    require(event.get_dataschema() in validators, f"no schema {event.get_dataschema()!r}")
    require(event.get_datacontenttype() == "application/json", "content-type")
    require(event.get_time() is not None and event.get_time().utcoffset() == timezone.utc.utcoffset(None), "time")
    require(UUID(event.get_id()).version == 7, "id")
    errors = [error.message for error in validators[event.get_dataschema()].iter_errors(event.get_data())]
    require(not errors, f"data: {errors}")
    check_control(event, message) if kind.startswith(CONTROL) else check_fact(event, message)
    return event


def check_control(event, message):
    """Control records belong to a partition, not to a segment."""
    require(message.key() is None, "a control record has a key")
    require(event.get_source() == "/customer-segment", "source")
    require(event.get_extension("writerid") == event.get_data()["writerid"], "writerid")
    require(event.get_data()["partition"] == message.partition(), "partition")


def check_fact(event, message):
    """Facts name their tenant and segment, in the headers as in the data."""
    missing = [name for name in FACT_EXTENSIONS if not event.get_extension(name)]
    require(not missing, f"extensions missing: {missing}")
    data, tenant = event.get_data(), event.get_extension("tenant")
    segment = data["segment"]["id"] if "segment" in data else data["segmentId"]
    require(event.get_source() == f"/customer-segment/{tenant}", "source")
    require(event.get_subject() == segment, "subject")
    require((message.key() or b"").decode() == f"{tenant}/{segment}", "key")
    require(dict(message.headers())["ce_partitionkey"] == message.key(), "partitionkey")
    require(int(event.get_extension("sequence")) >= 1 and int(event.get_extension("pseq")) >= 1, "sequence or pseq")


def report(event, message):
    """One line for whoever compares."""
    attributes = event.get_attributes()
    return json.dumps(
        {
            "partition": message.partition(),
            "offset": message.offset(),
            "key": message.key().decode() if message.key() else None,
            "attributes": attributes | {"time": attributes["time"].isoformat()},
            "data": event.get_data(),
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def ends_of(consumer, topic):
    """The present end of each partition that holds anything."""
    found = consumer.list_topics(topic, timeout=20).topics[topic]
    if found.error is not None:
        raise SystemExit(f"{topic}: {found.error}")
    ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number))[1] for number in found.partitions}
    return {number: end for number, end in ends.items() if end > 0}


def main():
    """Reads every partition from its beginning to its present end."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--expect", type=int, help="how many records there must be, control records included")
    parser.add_argument("--timeout", default=60, type=float, help="seconds to wait for them")
    parser.add_argument("--schemas", default=SCHEMAS, type=Path, help="the folder of the published schemas")
    options = parser.parse_args()
    validators = load_validators(options.schemas)
    consumer = Consumer(
        {
            "bootstrap.servers": options.brokers,
            "group.id": "read-events",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
        }
    )
    try:
        behind = ends_of(consumer, options.topic)
        consumer.assign([TopicPartition(options.topic, number, 0) for number in behind])
        seen, deadline = 0, time.monotonic() + options.timeout
        while behind and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is None:
                pass
            elif message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                behind.pop(message.partition(), None)
            elif message.error():
                if not message.error().retriable():
                    raise SystemExit(f"kafka: {message.error()}")
            else:
                try:
                    print(report(understand(message, validators), message))
                except Exception as why:  # whatever the SDK raises, the record was not understood
                    where = f"partition {message.partition()} offset {message.offset()}"
                    print(f"{where}: not understood: {type(why).__name__}: {why}", file=sys.stderr)
                    return 1
                seen += 1
            # Where others go on writing, an end may never be met.
            positions = consumer.position([TopicPartition(options.topic, number) for number in behind]) if behind else []
            behind = {part.partition: behind[part.partition] for part in positions if part.offset < behind[part.partition]}
    finally:
        consumer.close()
    print(f"{seen} records understood; partitions not read to their end: {sorted(behind)}", file=sys.stderr)
    return 0 if not behind and options.expect in (None, seen) else 2


if __name__ == "__main__":
    sys.exit(main())
