#!/usr/bin/env python3
"""Keeps a table of segments in SQLite, each event applied exactly once, however often this or the service is killed.

    pip install -r requirements.txt
    python segments_table.py --brokers localhost:9092                # follows the topic until it is stopped
    python segments_table.py --brokers localhost:9092 --until-end    # stops at the present end of every partition
    python segments_table.py --list                                  # the table, one JSON line for each segment

The rows and the place in the log that they were made from change in one transaction, so they can never disagree. Kafka is
told nothing of it: no group, no commits. Ends with 1 when it meets what it must not read over.
"""

import argparse
import json
import sqlite3
import sys
from contextlib import contextmanager

from acceptance import Acceptance, MustStop
from confluent_kafka import Consumer, KafkaError, TopicPartition

TABLES = """
create table if not exists segment (
  tenant text not null, id text not null, version integer not null, changes integer not null, document text not null,
  primary key (tenant, id));
create table if not exists position (
  partition integer primary key, next_offset integer not null, last text, writer text, pseq integer not null,
  chain blob not null);
"""


class Table:
    """The rows, and how far the log was read to make them."""

    def __init__(self, path):
        # Transactions are begun and ended below, and nowhere else.
        self.db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.db.executescript(TABLES)

    @contextmanager
    def transaction(self):
        """All or nothing. IMMEDIATE: of two consumers on one file, one waits until the other is done."""
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    def position(self, partition):
        """Where to go on reading, and what the acceptance rule remembers."""
        row = self.db.execute(
            "select next_offset, last, writer, pseq, chain from position where partition = ?", [partition]
        ).fetchone()
        return (row[0], Acceptance(partition, *row[1:])) if row else (0, Acceptance(partition))

    def save_position(self, next_offset, rule):
        """In the transaction of the rows."""
        self.db.execute(
            "insert or replace into position values (?, ?, ?, ?, ?, ?)",
            [rule.partition, next_offset, rule.last, rule.writer, rule.pseq, rule.chain],
        )

    def apply(self, message):
        """What a fact does to the table."""
        headers = {name: value.decode() for name, value in message.headers()}
        tenant, data = headers["ce_tenant"], json.loads(message.value())
        match headers["ce_type"].removeprefix("customer-segment.").split(".", 1):
            case ["segment-created", "v1"]:
                self.put(tenant, data["segment"], 1)
            case ["segment-replaced" | "segment-patched", "v1"]:
                self.put(tenant, data["segment"], None)
            case ["segment-deleted", "v1"]:
                self.db.execute("delete from segment where tenant = ? and id = ?", [tenant, data["segmentId"]])
            case ["segment-created" | "segment-replaced" | "segment-patched" | "segment-deleted", version]:
                # To pass over it would be to miss what happened to a segment.
                raise MustStop(f"{version} of {headers['ce_type']} is not known here")
            case _:
                pass  # of no interest to this table

    def put(self, tenant, segment, changes):
        """The document as the event carries it; `changes` counts the events of this life of the segment."""
        document = json.dumps(segment, ensure_ascii=False)
        self.db.execute(
            "insert into segment values (?1, ?2, ?3, coalesce(?4, 1), ?5) on conflict do update set "
            "version = excluded.version, document = excluded.document, changes = coalesce(?4, changes + 1)",
            [tenant, segment["id"], segment["metadata"]["version"], changes, document],
        )

    def take(self, messages):
        """Applies records in their order, each partition from where it was left. Gives how many counted."""
        counted, places = 0, {}
        with self.transaction():
            for message in messages:
                partition = message.partition()
                next_offset, rule = places.get(partition) or self.position(partition)
                if message.offset() < next_offset:
                    continue  # another consumer on this file has applied it
                if rule.is_fact_that_counts(message):
                    self.apply(message)
                    counted += 1
                places[partition] = (message.offset() + 1, rule)
            for next_offset, rule in places.values():
                self.save_position(next_offset, rule)
        return counted

    def rows(self):
        """All segments, in the order of their keys."""
        return self.db.execute("select tenant, id, version, changes, document from segment order by tenant, id")


def connect(options, table):
    """A consumer of every partition, from where the table says."""
    consumer = Consumer(
        {
            "bootstrap.servers": options.brokers,
            "group.id": "segments-table",  # asked for by the library; nothing is committed to it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
        }
    )
    found = consumer.list_topics(options.topic, timeout=20).topics[options.topic]
    if found.error:
        raise SystemExit(f"{options.topic}: {found.error}")
    consumer.assign([TopicPartition(options.topic, number, table.position(number)[0]) for number in found.partitions])
    return consumer, set(found.partitions)


def follow(consumer, partitions, table, options):
    """Reads on. With `--until-end` gives how many records were read and how many of them counted."""
    at_end, read, counted = set(), 0, 0
    while not (options.until_end and at_end == partitions):
        messages = []
        for message in consumer.consume(options.batch, timeout=0.2):
            if not message.error():
                messages.append(message)
                at_end.discard(message.partition())
            elif message.error().code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
            elif not message.error().retriable():
                raise SystemExit(f"kafka: {message.error()}")
        if messages:
            counted += table.take(messages)
            read += len(messages)
    return read, counted


def main():
    """Follows the topic, or shows the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--topic", default="segments.events.v1")
    parser.add_argument("--database", default="segments.sqlite", help="the file of the table")
    parser.add_argument("--batch", default=500, type=int, help="the most records of a transaction")
    parser.add_argument("--until-end", action="store_true", help="stop at the present end")
    parser.add_argument("--list", action="store_true", help="show the table and read nothing")
    options = parser.parse_args()
    table = Table(options.database)
    if options.list:
        for tenant, id_, version, changes, document in table.rows():
            row = {"tenant": tenant, "id": id_, "version": version, "changes": changes, "document": json.loads(document)}
            print(json.dumps(row, ensure_ascii=False))
        return 0
    consumer, partitions = connect(options, table)
    try:
        read, counted = follow(consumer, partitions, table, options)
        print(f"{read} records read, {counted} facts counted", file=sys.stderr)
    except MustStop as why:
        print(f"stopped: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
