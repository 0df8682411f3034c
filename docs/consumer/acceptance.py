"""The acceptance rule: which records of a partition count. The contract is in schemas/asyncapi.yaml; this is all of it in code."""

import json
from dataclasses import dataclass

from blake3 import blake3

STARTED = "customer-segment.writer-started.v1"
STOPPED = "customer-segment.writer-stopped.v1"
CONTROL = "customer-segment.writer-"
FOLD_VERSION = 1


class MustStop(Exception):
    """Nothing behind this record may be read: a newer version wrote it, or the log is damaged."""


@dataclass
class Acceptance:
    """What must be remembered of a partition to judge its next record."""

    partition: int
    last: str | None = None  # the writer announced last, stopped or not
    writer: str | None = None  # the writer whose records count
    pseq: int = 0  # the number of the last record that counted
    chain: bytes = bytes(32)  # the chain up to that record

    def is_fact_that_counts(self, message):
        """Judges the next record. Control records are for this rule alone, so to the caller they are no facts."""
        headers = dict(message.headers() or [])
        kind = headers.get("ce_type", b"").decode()
        if kind == STARTED:
            self._start(json.loads(message.value()))
        elif kind == STOPPED:
            self._stop(json.loads(message.value()))
        elif kind.startswith(CONTROL):
            raise MustStop(f"{kind} is of a newer version")
        else:
            return self._counts(message.key(), headers, message.value())
        return False

    def _start(self, started):
        if started["foldVersion"] > FOLD_VERSION:
            raise MustStop("a newer version writes this log")
        if started["partition"] != self.partition:
            raise MustStop("an announcement for another partition")
        if started["after"] == self.last:
            self.last = self.writer = started["writerid"]

    def _stop(self, stopped):
        if stopped["writerid"] == self.writer:
            self.writer = None

    def _counts(self, key, headers, value):
        writer = headers.get("ce_writerid", b"").decode()
        if self.writer is None or writer != self.writer or int(headers["ce_pseq"]) != self.pseq + 1:
            return False
        chain = extended(self.chain, key, headers, value)
        if chain.hex() != headers["ce_chain"].decode():
            raise MustStop("the chain does not fit: the log is damaged")
        self.pseq, self.chain = self.pseq + 1, chain
        return True


def extended(chain, key, headers, value):
    """The chain with one more record on top."""
    hasher = blake3()
    parts = [chain, headers["ce_pseq"], key or b""]
    for name in sorted(headers):
        if name == "content-type" or (name.startswith("ce_") and name != "ce_chain"):
            parts += [name.encode(), headers[name]]
    for part in [*parts, value]:
        hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.digest()
