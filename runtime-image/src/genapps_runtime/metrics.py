# SPDX-License-Identifier: Apache-2.0
"""Metrics of one app's runtime in Prometheus' text format, kept without a library (which costs 7 MiB and 60 ms)."""

from bisect import bisect_left
from itertools import pairwise

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

_HELP = {
    "genapps_actions_total": "Actions answered, by outcome (ok, replayed, or the code of the problem).",
    "genapps_action_duration_seconds": "From the request's head to the commit of the response.",
    "genapps_tool_calls_total": "Tool calls asked for by the app, by outcome (ok, or the code of the problem).",
    "genapps_guest_cpu_seconds_total": "Processor time of guests, with what the host did inside their calls.",
    "genapps_host_cpu_seconds_total": "Processor time of this process for actions outside of guests.",
    "genapps_request_bytes_total": "Bodies of requests.",
    "genapps_response_bytes_total": "Bodies of responses.",
    "genapps_state_read_rows_total": "Keys and rows of tables that actions read.",
    "genapps_state_read_bytes_total": "Bytes of what actions read of the state.",
    "genapps_state_written_rows_total": "Keys and rows of tables that actions wrote or deleted, and that were stored.",
    "genapps_state_written_bytes_total": "Bytes of the keys, values and parameters that actions wrote.",
    "genapps_actions_waiting": "Actions that wait for tools, timers, each other, an instance or the disk.",
    "genapps_fallbacks_total": "Actions answered by a fallback, by the reason: breaker, timeout or trap.",
    "genapps_guest_starts_total": "Instances made of the app: at the start, after a trap, timeout or nap, beside one "
    "that computes.",
    "genapps_state_bytes": "Keys and values in the app's state; of several tenants, of those whose state is open.",
    "genapps_cpu_credit_millis": "CPU milliseconds that are paid and not used; 0 where nothing is limited.",
    "genapps_tenants": "Tenants that have state.",
    "genapps_state_wal_bytes": "What SQLite keeps beside the state's files: it grows while an old state is read.",
    "genapps_streams": "Answers that are leaving piece by piece.",
    "genapps_background_waiting": "Accepted requests that wait to run.",
    "genapps_breaker_open": "1 while requests are refused because the app keeps failing; of an app with tenants, those "
    "of most tenants who ask.",
    "genapps_breaker_open_tenants": "Tenants whose requests are refused because the app keeps failing for them.",
    "genapps_breaker_opened_total": "Times that the app failed so often that requests were refused.",
    "genapps_log_lines_dropped_total": "Log lines of actions that were more than the log's rate allows.",
    "genapps_naps_total": "Times that the app's process ended because nobody called the app.",
    "genapps_napping": "1 while the app naps: the next request starts its process again.",
    "genapps_fence_proven": "1 while the gateway answers and its canary does not.",
}


class Metrics:
    """Counters since the start of the pod. `changed` says whether something changed since the last `render`."""

    def __init__(self, before: bytes = b"") -> None:
        """`before` is what an earlier process of the pod rendered last: its counters go on, its gauges stand."""
        self.changed = True
        self._actions: dict[str, int] = {}
        self._tool_calls: dict[str, int] = {}
        self._fallbacks: dict[str, int] = {}
        self._labelled = {
            "genapps_actions_total": ("outcome", self._actions),
            "genapps_fallbacks_total": ("reason", self._fallbacks),
            "genapps_tool_calls_total": ("outcome", self._tool_calls),
        }
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._values = {
            "genapps_guest_cpu_seconds_total": 0.0,
            "genapps_host_cpu_seconds_total": 0.0,
            "genapps_request_bytes_total": 0.0,
            "genapps_response_bytes_total": 0.0,
            "genapps_state_read_rows_total": 0.0,
            "genapps_state_read_bytes_total": 0.0,
            "genapps_state_written_rows_total": 0.0,
            "genapps_state_written_bytes_total": 0.0,
            "genapps_actions_waiting": 0.0,
            "genapps_background_waiting": 0.0,
            "genapps_breaker_open": 0.0,
            "genapps_breaker_open_tenants": 0.0,
            "genapps_breaker_opened_total": 0.0,
            "genapps_guest_starts_total": 0.0,
            "genapps_log_lines_dropped_total": 0.0,
            "genapps_state_bytes": 0.0,
            "genapps_cpu_credit_millis": 0.0,
            "genapps_tenants": 0.0,
            "genapps_state_wal_bytes": 0.0,
            "genapps_streams": 0.0,
            "genapps_naps_total": 0.0,
            "genapps_napping": 0.0,
            "genapps_fence_proven": 0.0,
        }
        self._take(before)

    def action(self, outcome: str, seconds: float) -> None:
        """Count an action. `outcome` is `ok`, `replayed` or a code of `problems.CODES`, so there are few series."""
        self._actions[outcome] = self._actions.get(outcome, 0) + 1
        self._seconds += seconds
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self.changed = True

    def tool_call(self, outcome: str) -> None:
        """Count a tool call. `outcome` is `ok` or a code of the gateway, which has few of them."""
        self._tool_calls[outcome] = self._tool_calls.get(outcome, 0) + 1
        self.changed = True

    def fallback(self, reason: str) -> None:
        """Count an action that a fallback answered: a value of the header `genapps-fallback`."""
        self._fallbacks[reason] = self._fallbacks.get(reason, 0) + 1
        self.changed = True

    def guest_started(self) -> None:
        """Count an instance of the app."""
        self._values["genapps_guest_starts_total"] += 1
        self.changed = True

    def breaker_opened(self) -> None:
        """Count an opening of a breaker."""
        self._values["genapps_breaker_opened_total"] += 1
        self.changed = True

    def napped(self) -> None:
        """Count a nap, which begins now."""
        self._values["genapps_naps_total"] += 1
        self.set("genapps_napping", 1)

    def add(self, amounts: dict[str, float]) -> None:
        """Add to counters without labels."""
        for name, amount in amounts.items():
            self._values[name] += amount
        self.changed = True

    def value(self, name: str) -> float:
        """The gauge `name`, or a counter without labels."""
        return self._values[name]

    def set(self, name: str, value: float) -> None:
        """Set the gauge `name`, or a counter that is kept elsewhere."""
        if self._values[name] != value:
            self._values[name] = value
            self.changed = True

    def render(self) -> bytes:
        """The metrics in Prometheus' text format; resets `changed`."""
        self.changed = False
        lines: list[str] = []
        for name, (label, counts) in self._labelled.items():
            lines += _head(name, "counter")
            lines += [f'{name}{{{label}="{value}"}} {count}' for value, count in sorted(counts.items())]
        name = "genapps_action_duration_seconds"
        lines += _head(name, "histogram")
        total = 0
        for bound, count in zip((*BOUNDS, "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        lines += [f"{name}_sum {self._seconds:.6f}", f"{name}_count {total}"]
        for name, value in self._values.items():
            lines += [*_head(name, "counter" if name.endswith("_total") else "gauge"), f"{name} {_number(name, value)}"]
        return ("\n".join(lines) + "\n").encode()

    def _take(self, text: bytes) -> None:
        buckets: list[int] = []
        for line in text.decode().splitlines(keepends=True):
            series, _, value = line.rpartition(" ")
            name, _, label = series.partition("{")
            if not line.endswith("\n"):
                break  # the page was too small for it
            if name in self._labelled:
                self._labelled[name][1][label.split('"')[1]] = int(value)
            elif name in self._values:
                self._values[name] = float(value)
            elif name == "genapps_action_duration_seconds_sum":
                self._seconds = float(value)
            elif name == "genapps_action_duration_seconds_bucket":
                buckets.append(int(value))
        if len(buckets) == len(self._buckets):
            self._buckets = [count - below for below, count in pairwise([0, *buckets])]


def _number(name: str, value: float) -> str:
    return f"{value:.6f}" if "seconds" in name else f"{value:.0f}"


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}"]
