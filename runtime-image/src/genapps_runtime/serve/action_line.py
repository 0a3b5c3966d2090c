# SPDX-License-Identifier: Apache-2.0
"""What is told of actions that have ended: the fields of their log lines, and sums for the metrics."""

from typing import Any

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.ended import Ended, Unbegun
from genapps_runtime.serve.fallback.flows import fallback_fields
from genapps_runtime.serve.messages import Answer, Streamed
from genapps_runtime.serve.meter import Meter, millis
from genapps_runtime.serve.spans import Span


class Told:
    """Of the actions that are answered together. `identity` are the fields that each line of this app has."""

    def __init__(self, identity: dict[str, str], host_seconds: float) -> None:
        """`host_seconds` is the processor time that each of them pays for what this process did."""
        self._identity = identity
        self._host_seconds = host_seconds
        self.lines: list[dict[str, Any]] = []
        self.sums: dict[str, float] = dict.fromkeys(
            ("genapps_guest_cpu_seconds_total", "genapps_request_bytes_total", "genapps_response_bytes_total"), 0
        )
        self.sums["genapps_host_cpu_seconds_total"] = 0.0

    def add(self, ended: Ended, reply: Answer, seconds: float) -> None:
        """Take an action that is answered with `reply`, `seconds` after its first bytes came."""
        request, action = ended.action.exchange.request, ended.action
        size = reply.sent if isinstance(reply, Streamed) else len(reply.body)
        fields: dict[str, Any] = {
            "level": "info" if reply.status < 500 else "error",
            **self._identity,
            "requestId": request.id,
            "method": request.method,
            "path": request.path,
            "status": reply.status,
            "millis": millis(seconds),
            "hostCpuMillis": millis(self._host_seconds),
            "requestBytes": len(request.body),
            "responseBytes": size,
        }
        sums = self.sums
        sums["genapps_host_cpu_seconds_total"] += self._host_seconds
        sums["genapps_request_bytes_total"] += len(request.body)
        sums["genapps_response_bytes_total"] += size
        if request.traced or (isinstance(action, Action) and action.tools is not None):
            fields.update(_span(action).fields())
        if isinstance(ended.outcome, ProblemError):
            fields |= ended.outcome.fields()
        if ended.replayed:
            fields["replayed"] = True
        if ended.action.exchange.internal:
            fields["cause"] = ended.action.exchange.internal
        if isinstance(action, Action):
            self._add_action(action, fields, stored=not isinstance(ended.outcome, ProblemError))
        if ended.instead is not None or ended.tried is not None:
            fields.update(fallback_fields(ended))
            if ended.tried is not None:
                self._add_meter(ended.tried.meter, fields, stored=False)
        self.lines.append(fields)

    def _add_action(self, action: Action, fields: dict[str, Any], *, stored: bool) -> None:
        if action.guest is not None:
            fields["turns"] = action.turns
            fields.update(action.meter.guest_fields())
        self._add_meter(action.meter, fields, stored=stored)
        if action.log is not None:
            fields.update(action.log.fields())
        if action.tools is not None:
            fields["toolCalls"] = action.tools.called
        if action.trace:
            fields["trace"] = action.trace
        if action.conflicts or action.restarts or action.repeats:
            fields["attempts"] = 1 + action.conflicts + action.restarts + action.repeats

    def _add_meter(self, meter: Meter, fields: dict[str, Any], *, stored: bool) -> None:
        self.sums["genapps_guest_cpu_seconds_total"] += meter.guest_cpu_seconds
        if meter.read_rows:
            self._count(fields, "stateRowsRead", "genapps_state_read_rows_total", meter.read_rows)
            self._count(fields, "stateBytesRead", "genapps_state_read_bytes_total", meter.read_bytes)
        if stored and meter.written_rows:
            self._count(fields, "stateRowsWritten", "genapps_state_written_rows_total", meter.written_rows)
            self._count(fields, "stateBytesWritten", "genapps_state_written_bytes_total", meter.written_bytes)

    def _count(self, fields: dict[str, Any], field: str, metric: str, amount: int) -> None:
        fields[field] = fields.get(field, 0) + amount
        self.sums[metric] = self.sums.get(metric, 0) + amount


def _span(action: Action | Unbegun) -> Span:
    """That of its calls, if it made any."""
    if isinstance(action, Action) and action.tools is not None:
        return action.tools.span
    return Span(action.exchange.request)
