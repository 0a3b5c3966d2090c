# SPDX-License-Identifier: Apache-2.0
"""What is told of actions that have ended: the fields of their log lines, and sums for the metrics."""

from typing import Any

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.ended import Ended
from genapps_runtime.serve.fallback.flows import fallback_fields
from genapps_runtime.serve.messages import Answer, Streamed
from genapps_runtime.serve.meter import Meter, millis
from genapps_runtime.serve.spans import Span


class Told:
    """Of the actions that are answered together. `identity` are the fields that each line of this app has."""

    __slots__ = ("_guest_seconds", "_host_millis", "_host_seconds", "_identity", "_in", "_out", "_state", "lines")

    def __init__(self, identity: dict[str, str], host_seconds: float) -> None:
        """`host_seconds` is the processor time that each of them pays for what this process did."""
        self._identity = identity
        self._host_seconds = host_seconds
        self._host_millis = millis(host_seconds)
        self.lines: list[dict[str, Any]] = []
        self._guest_seconds = 0.0
        self._in = self._out = 0
        self._state: dict[str, int] = {}

    @property
    def sums(self) -> dict[str, float]:
        """By the names of the metrics."""
        return {
            "genapps_guest_cpu_seconds_total": self._guest_seconds,
            "genapps_host_cpu_seconds_total": self._host_seconds * len(self.lines),
            "genapps_request_bytes_total": self._in,
            "genapps_response_bytes_total": self._out,
            **self._state,
        }

    def add(self, ended: Ended, reply: Answer, seconds: float) -> None:
        """Take an action that is answered with `reply`, `seconds` after its first bytes came."""
        action = ended.action
        request = action.exchange.request
        upload = action.exchange.upload
        received = len(request.body) if upload is None else upload.received
        sent = reply.sent if isinstance(reply, Streamed) else len(reply.body)
        self._in += received
        self._out += sent
        fields: dict[str, Any] = {
            "level": "info" if reply.status < 500 else "error",
            **self._identity,
            "requestId": request.id,
            "method": request.method,
            "path": request.path,
            "status": reply.status,
            "millis": millis(seconds),
            "hostCpuMillis": self._host_millis,
            "requestBytes": received,
            "responseBytes": sent,
        }
        self.lines.append(fields)
        stored = True
        if isinstance(ended.outcome, ProblemError):
            stored = False
            fields |= ended.outcome.fields()
        if ended.replayed:
            fields["replayed"] = True
        if ended.action.exchange.internal:
            fields["origin"] = ended.action.exchange.internal
        if isinstance(action, Action):
            self._add_action(action, fields, stored=stored)
        elif request.traced:
            fields |= Span(request).fields()
        if ended.instead is not None or ended.tried is not None:
            fields |= fallback_fields(ended)
            if ended.tried is not None:
                self._guest_seconds += ended.tried.meter.guest_cpu_seconds
                self._add_state(ended.tried.meter, fields, stored=False)

    def _add_action(self, action: Action, fields: dict[str, Any], *, stored: bool) -> None:
        meter = action.meter
        if action.guest is not None:
            fields["turns"] = action.turns
            fields["guestMillis"] = millis(meter.guest_seconds)
            fields["guestCpuMillis"] = millis(meter.guest_cpu_seconds)
        self._guest_seconds += meter.guest_cpu_seconds
        if meter.read_rows or meter.writes or meter.changed_rows:
            self._add_state(meter, fields, stored=stored)
        if action.log is not None:
            fields |= action.log.fields()
        if action.tools is not None:
            fields["toolCalls"] = action.tools.called
            fields |= action.tools.span.fields()
        elif action.exchange.request.traced:
            fields |= Span(action.exchange.request).fields()
        if action.trace:
            fields["trace"] = action.trace
        if action.conflicts or action.restarts or action.repeats:
            fields["attempts"] = 1 + action.conflicts + action.restarts + action.repeats

    def _add_state(self, meter: Meter, fields: dict[str, Any], *, stored: bool) -> None:
        if meter.read_rows:
            self._count(fields, "stateRowsRead", "genapps_state_read_rows_total", meter.read_rows)
            self._count(fields, "stateBytesRead", "genapps_state_read_bytes_total", meter.read_bytes)
        if stored and meter.written_rows:
            self._count(fields, "stateRowsWritten", "genapps_state_written_rows_total", meter.written_rows)
            self._count(fields, "stateBytesWritten", "genapps_state_written_bytes_total", meter.written_bytes)

    def _count(self, fields: dict[str, Any], field: str, metric: str, amount: int) -> None:
        fields[field] = fields.get(field, 0) + amount
        self._state[metric] = self._state.get(metric, 0) + amount
