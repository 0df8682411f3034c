#!/usr/bin/env python3
"""Appends records that nobody may count to each partition: what a writer could leave behind that was overtaken.

Each of them deletes a segment that is there, so that a reader who counts one shows it. Prints how many were appended.

    python plant_strays.py --brokers localhost:9092 --topic segments.events.v1
"""

import argparse
import json
import uuid

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

PREFIX = "customer-segment."


def read_all(brokers, topic):
    """The records of each partition."""
    settings = {"enable.partition.eof": True, "enable.auto.commit": False, "isolation.level": "read_committed"}
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "plant-strays", **settings})
    numbers = set(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
    records = {number: [] for number in numbers}
    while numbers:
        for message in consumer.consume(500, timeout=1.0):
            if not message.error():
                records[message.partition()].append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                numbers.discard(message.partition())
            else:
                raise SystemExit(f"kafka: {message.error()}")
    consumer.close()
    return records


def kind_of(message):
    """The type without what all types begin with."""
    return dict(message.headers())["ce_type"].decode().removeprefix(PREFIX)


def strays(records):
    """(key, headers, value) of what must not count, made of what does."""
    created = [message for message in records if kind_of(message) == "segment-created.v1"][-1]
    started = [message for message in records if kind_of(message) == "writer-started.v1"][-1]
    facts = [message for message in records if not kind_of(message).startswith("writer-")]
    present, last = json.loads(started.value())["writerid"], int(dict(facts[-1].headers())["ce_pseq"])
    nobody = str(uuid.uuid4())

    def deletion(writer, pseq):
        segment = json.loads(created.value())["segment"]["id"]
        headers = dict(created.headers()) | {"ce_type": f"{PREFIX}segment-deleted.v1".encode()}
        headers |= {"ce_writerid": writer.encode(), "ce_pseq": str(pseq).encode()}
        data = {"segmentId": segment, "force": True, "lastVersion": 1, "assignmentCounts": {"items": 0, "customers": 0}}
        return created.key(), headers, json.dumps(data).encode()

    # The same again; a writer that was never announced; a number so far ahead that the writer does not reach it meanwhile.
    yield created.key(), dict(created.headers()), created.value()
    yield deletion(nobody, last + 1)
    yield deletion(present, last + 1_000_000)
    # An announcement that was overtaken, what was written under it, and its end.
    overtaken = json.loads(started.value()) | {"writerid": nobody, "after": str(uuid.uuid4())}
    yield None, dict(started.headers()) | {"ce_writerid": nobody.encode()}, json.dumps(overtaken).encode()
    yield deletion(nobody, last + 1)
    ended = {"writerid": nobody, "partition": overtaken["partition"], "stoppedAt": overtaken["startedAt"], "by": "nobody"}
    headers = dict(started.headers()) | {"ce_type": f"{PREFIX}writer-stopped.v1".encode(), "ce_writerid": nobody.encode()}
    yield None, headers, json.dumps(ended).encode()


def main():
    """Appends to every partition that holds a segment."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.brokers})
    planted = 0
    for number, records in read_all(options.brokers, options.topic).items():
        if any(kind_of(message) == "segment-created.v1" for message in records):
            for key, headers, value in strays(records):
                producer.produce(options.topic, value, key, number, headers=list(headers.items()))
                planted += 1
    if producer.flush(20) > 0:
        raise SystemExit("not everything was delivered")
    print(planted)


if __name__ == "__main__":
    main()
