# SPDX-License-Identifier: Apache-2.0
"""Counting violations: one rule for the gateway, which refuses, and the operator, which suspends.

Under one request id the first violation counts once; the others count by themselves only beyond the tier's tool calls
per action, because the runtime chooses the ids and could otherwise hide any number under one. A sliding window
decides which violations still matter, and an acknowledgement empties it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from genapps.api.appbudget import ViolationPolicy
from genapps.api.ledger import WINDOW_ENTRIES, ViolationEntry, Violations
from genapps.api.quantities import seconds
from genapps.api.slow_counts import Tripped

MOST_FREE_REPEATS = WINDOW_ENTRIES // 2
"""Beyond this, repeats under one id count whatever the tier allows: a full window would hide them otherwise."""


def counted(
    entries: Iterable[ViolationEntry],
    policy: ViolationPolicy,
    tool_calls_per_action: int,
    count_from: datetime | None,
    now: datetime,
) -> int:
    """How many of the violations count at `now`."""
    by_request = Counter(entry.request_id for entry in entries if _matters(entry, policy, count_from, now))
    free = max(1, min(tool_calls_per_action, MOST_FREE_REPEATS))
    return sum(1 + max(0, times - free) for times in by_request.values())


def add(
    violations: Violations,
    entry: ViolationEntry,
    policy: ViolationPolicy,
    tool_calls_per_action: int,
    count_from: datetime | None,
) -> Violations:
    """The violations with one more, seen at `entry.at`; `tripped` is set whenever the threshold is reached.

    More open violations than a ledger lists reach any threshold: else whoever spreads them over few ids, each within
    the free repeats of their tier, would never reach one.
    """
    inside = [*(known for known in violations.window if _inside(known, policy, entry.at)), entry]
    if len(inside) > WINDOW_ENTRIES:
        inside = [known for known in inside if _is_open(known, count_from)]
    window = _fitting(inside)
    count = counted(window, policy, tool_calls_per_action, count_from, entry.at)
    if len(window) < len(inside):
        count = max(count, policy.threshold)
    tripped = Tripped(at=entry.at, count=count) if count >= policy.threshold else violations.tripped
    return Violations(total=violations.total + 1, window=tuple(window), tripped=tripped)


def reached(
    violations: Violations,
    policy: ViolationPolicy,
    tool_calls_per_action: int,
    count_from: datetime | None,
    now: datetime,
) -> bool:
    """Whether the app is to be suspended: the threshold was reached since `count_from`, or is reached now."""
    tripped = violations.tripped
    if tripped and (count_from is None or tripped.at > count_from):
        return True
    return counted(violations.window, policy, tool_calls_per_action, count_from, now) >= policy.threshold


def settled_until(violations: Violations | None, now: datetime) -> datetime:
    """The `count_from` of an acknowledgement at `now`: everything known by then is settled.

    Also what a gateway whose clock runs ahead has seen: it would suspend the app again at once.
    """
    if violations is None:
        return now
    tripped = [violations.tripped.at] if violations.tripped else []
    return max([now, *tripped, *(entry.at for entry in violations.window)])


def _matters(entry: ViolationEntry, policy: ViolationPolicy, count_from: datetime | None, now: datetime) -> bool:
    return _inside(entry, policy, now) and _is_open(entry, count_from)


def _is_open(entry: ViolationEntry, count_from: datetime | None) -> bool:
    return count_from is None or entry.at > count_from


def _inside(entry: ViolationEntry, policy: ViolationPolicy, now: datetime) -> bool:
    # An entry "from the future" (another machine's clock) is inside: an attacker must not gain from a skew.
    return entry.at > now - timedelta(seconds=seconds(policy.window))


def _fitting(entries: list[ViolationEntry]) -> list[ViolationEntry]:
    window = entries.copy()
    while len(window) > WINDOW_ENTRIES:
        # The oldest of the most repeated id goes first: a flood under one id cannot push out the others.
        crowd = Counter(entry.request_id for entry in window).most_common(1)[0][0]
        window.pop(next(place for place, entry in enumerate(window) if entry.request_id == crowd))
    return window
