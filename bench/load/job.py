# SPDX-License-Identifier: Apache-2.0
"""What the generator is asked to do and what it answers, as plain values that travel as JSON lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Load:
    """A closed loop: every connection sends its next request when the response to the last one is complete.

    `path` may contain `{connection}` (from 0) and `{sequence}` (from 0, unique in the job). With `keys` each request
    has an `Idempotency-Key` of its own, which begins with it. A `token` is sent as a bearer's. It ends after `seconds`,
    or after `requests` in total when that is above 0.

    With a `rate` above 0 requests are due at that rate on all connections together, and their latency counts from when
    they were due: a server that falls behind is not spared. With a `ca_file` it speaks TLS to `name`."""

    host: str
    port: int
    path: str = "/"
    name: str = ""
    connections: int = 1
    seconds: float = 3.0
    warm_up: float = 0.0
    requests: int = 0
    deadline: float = 30.0
    method: str = "GET"
    keys: str = ""
    token: str = ""
    body: str = ""
    rate: float = 0.0
    ca_file: str = ""

    def request(self, connection: int, sequence: int) -> bytes:
        """The bytes of one request."""
        path = self.path.replace("{connection}", str(connection)).replace("{sequence}", str(sequence))
        key = f"Idempotency-Key: {self.keys}-{sequence}\r\n" if self.keys else ""
        token = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        host = self.name or self.host
        length = f"Content-Length: {len(self.body)}\r\n" if self.body else ""
        head = f"{self.method} {path} HTTP/1.1\r\nHost: {host}\r\n{key}{token}{length}\r\n"
        return (head + self.body).encode("ascii")

    @property
    def varies(self) -> bool:
        """Whether each request has bytes of its own."""
        return "{sequence}" in self.path or bool(self.keys)


@dataclass(frozen=True, slots=True)
class Answer:
    """One GET after another, each on a new connection, until one is answered with 200 or `deadline` has passed."""

    host: str
    port: int
    path: str = "/"
    deadline: float = 30.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Latencies in seconds: quantiles, and each one where a number of requests was asked for. `busy` is the share of
    one core that the generator itself used. `answered` counts all answers with 200, those of the warm-up included."""

    completed: int
    failed: int
    seconds: float
    p50: float
    p95: float
    p99: float
    busy: float
    failure: str = ""
    latencies: Sequence[float] = ()
    answered: int = 0

    @property
    def rate(self) -> float:
        """Completed requests a second."""
        return self.completed / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """When the 200 came: `at` is the Unix time of its last byte, `seconds` the time since its connection was
    started, `attempts` the number of requests, `body` its text.
    """

    at: float
    seconds: float
    attempts: int
    body: str = ""


Job = Load | Answer
Result = LoadResult | AnswerResult
_JOBS: Mapping[str, type[Job]] = {"load": Load, "answer": Answer}
_RESULTS: Mapping[str, type[Result]] = {"load": LoadResult, "answer": AnswerResult}


def to_wire(value: Job | Result) -> dict[str, Any]:
    """The value as JSON, with its kind."""
    kind = "load" if isinstance(value, Load | LoadResult) else "answer"
    return {"kind": kind, **asdict(value)}


def job_from_wire(wire: Mapping[str, Any]) -> Job:
    """The job in this JSON. Raises KeyError or TypeError when it is no job."""
    return _JOBS[wire["kind"]](**{key: value for key, value in wire.items() if key != "kind"})


def result_from_wire(wire: Mapping[str, Any]) -> Result:
    """The result in this JSON. Raises KeyError or TypeError when it is no result."""
    return _RESULTS[wire["kind"]](**{key: value for key, value in wire.items() if key != "kind"})


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the ordered values do not exceed; 0 when there are none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
