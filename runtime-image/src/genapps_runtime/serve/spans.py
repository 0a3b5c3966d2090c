# SPDX-License-Identifier: Apache-2.0
"""The place of an action in a trace (W3C trace context), and the spans of its calls, which are lines of the log.

The action's own span is its line. A request without a trace gets one when its action calls a tool.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.logs import BoundedLog
from genapps_runtime.serve.messages import Request
from genapps_runtime.serve.meter import millis
from genapps_runtime.serve.request_ids import new_id
from genapps_runtime.traceparent import TraceParent, read_traceparent

STATE_CHARACTERS = 512
STATE_MEMBERS = 32
_SPAN_DIGITS = 16
_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_*/-]{0,255}(?:@[a-z][a-z0-9_*/-]{0,13})?=[ !-+\--<>-~]{0,255}[!-+\--<>-~]", re.ASCII
)


class Span:
    """The span of an action. `parent_id` is empty where the trace begins with it."""

    __slots__ = ("parent_id", "sampled", "span_id", "state", "trace_id")

    def __init__(self, request: Request) -> None:
        """Of the request's headers, or of a new trace when there are none, or they are malformed."""
        parent, self.state = _context(request) if request.traced else (None, "")
        self.trace_id = parent.trace_id if parent is not None else new_id()
        self.parent_id = parent.parent_id if parent is not None else ""
        self.sampled = parent.sampled if parent is not None else True
        self.span_id = _span_id()

    def fields(self) -> dict[str, str]:
        """The fields of the action's line."""
        fields = {"traceId": self.trace_id, "spanId": self.span_id}
        return fields | {"parentSpanId": self.parent_id} if self.parent_id else fields


class Calls:
    """The spans of an action's calls: each is a line when the call has ended, if the trace is kept."""

    def __init__(
        self, request: Request, log: BoundedLog, config: RuntimeConfig, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """`clock` tells the time since 1970, in nanoseconds."""
        self.span = Span(request)
        self._request_id = request.id
        self._log = log
        self._config = config
        self._clock = clock

    @contextmanager
    def call(self, connector: str, tool: str) -> Iterator["CallSpan"]:
        """The span of a call that is made inside. Its outcome is what `CallSpan.outcome` says at the end."""
        call = CallSpan(self.span)
        started = self._clock()
        try:
            yield call
        except BaseException as error:
            call.outcome = type(error).__name__  # what is raised says why nobody waits for the answer any more
            raise
        finally:
            if self.span.sampled:
                self._write(call, connector, tool, started)

    def _write(self, call: "CallSpan", connector: str, tool: str, started: int) -> None:
        config = self._config
        fields: dict[str, Any] = {
            "level": "info",
            "app": config.app,
            "namespace": config.namespace,
            "revision": config.revision,
            "envelope": config.envelope_digest,
            "requestId": self._request_id,
            "traceId": self.span.trace_id,
            "spanId": call.span_id,
            "parentSpanId": self.span.span_id,
            "start": utc(started),
            "millis": millis((self._clock() - started) / 1e9),
            "connector": connector,
            "tool": tool,
            "outcome": call.outcome,
        }
        self._log.write("call", **fields)


class CallSpan:
    """One call. `headers` are what the gateway is told, as lines of a head; `outcome` is for the log."""

    __slots__ = ("headers", "outcome", "span_id")

    def __init__(self, span: Span) -> None:
        self.span_id = _span_id()
        self.headers = f"traceparent: {TraceParent(span.trace_id, self.span_id, span.sampled)}\r\n"
        if span.state:
            self.headers += f"tracestate: {span.state}\r\n"
        self.outcome = "ok"

    def take(self, outcome: dict[str, Any]) -> None:
        """The call has brought a result or a problem."""
        if "problem" in outcome:
            self.outcome = str(outcome["problem"].get("code"))


def utc(nanoseconds: int) -> str:
    """A time since 1970 as in the lines' `time`."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"


def _span_id() -> str:
    return new_id()[:_SPAN_DIGITS]


def _context(request: Request) -> tuple[TraceParent | None, str]:
    parents = [value for name, value in request.headers if name == b"traceparent"]
    parent = read_traceparent(parents[0].decode("latin-1")) if len(parents) == 1 else None
    return (None, "") if parent is None else (parent, _state(request))


def _state(request: Request) -> str:
    """`tracestate` as it is passed on: nothing when it is malformed, or more than has to be passed on."""
    value = ",".join(value.decode("latin-1") for name, value in request.headers if name == b"tracestate")
    if len(value) > STATE_CHARACTERS:
        return ""
    members = [member for one in value.split(",") if (member := one.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    known = len(members) <= STATE_MEMBERS and len(keys) == len(members) and all(map(_MEMBER.fullmatch, members))
    return ",".join(members) if known else ""
