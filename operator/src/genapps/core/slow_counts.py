# SPDX-License-Identifier: Apache-2.0
"""Counting defects, and limits that an app met, over a window of days: one rule for the gateway and the operator.

What is seen is put into spans of time, each at most a 24th of the window long. A span counts as a whole until its end
has left the window: so each defect counts for the window at least, and for a 24th of it longer at most. Nothing leaves
a Ledger by the clock of whoever writes it; only the one who counts asks what time it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from genapps.api.appbudget import ViolationPolicy
from genapps.api.quantities import seconds
from genapps.api.slow_counts import MOST_COUNTED, MOST_SPANS, Defects, LatestDefect, LimitsMet, Span, Tripped

SPANS_OF_A_WINDOW = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """What one gateway has seen and not written yet."""

    since: datetime
    until: datetime
    count: int
    latest: LatestDefect | None = None
    """None: these are limits."""

    def joined(self, later: "Seen | None") -> "Seen":
        """This and what was seen after it."""
        if later is None:
            return self
        since, until = min(self.since, later.since), max(self.until, later.until)
        return replace(later, since=since, until=until, count=min(MOST_COUNTED, self.count + later.count))


def with_defects(before: Defects | None, seen: Seen, policy: ViolationPolicy, count_from: datetime | None) -> Defects:
    """The defects with those that were seen; `tripped` is set whenever the slow threshold is reached."""
    before = before or Defects()
    spans = _with(before.spans, seen, policy, count_from)
    count = counted(spans, policy, count_from, seen.until)
    tripped = Tripped(at=seen.until, count=count) if count >= policy.slow_threshold else before.tripped
    total = min(MOST_COUNTED, before.total + seen.count)
    return Defects(total=total, spans=spans, latest=seen.latest or before.latest, tripped=tripped)


def with_limits(
    before: LimitsMet | None, seen: Seen, policy: ViolationPolicy, count_from: datetime | None
) -> LimitsMet:
    """The limits that were met, with those that were seen."""
    before = before or LimitsMet()
    spans = _with(before.spans, seen, policy, count_from)
    return LimitsMet(total=min(MOST_COUNTED, before.total + seen.count), spans=spans)


def counted(spans: Iterable[Span], policy: ViolationPolicy, count_from: datetime | None, now: datetime) -> int:
    """How many count at `now`. What comes "from the future", another machine's clock, counts."""
    begins = now - timedelta(seconds=seconds(policy.slow_window))
    return sum(span.count for span in spans if span.until > begins and _is_open(span, count_from))


def reached(defects: Defects | None, policy: ViolationPolicy, count_from: datetime | None, now: datetime) -> bool:
    """Whether the app is to be suspended: the slow threshold was reached since `count_from`, or is reached now."""
    if defects is None:
        return False
    if defects.tripped is not None and (count_from is None or defects.tripped.at > count_from):
        return True
    return counted(defects.spans, policy, count_from, now) >= policy.slow_threshold


def settled_until(defects: Defects | None, now: datetime) -> datetime:
    """The `count_from` of an acknowledgement at `now`: everything known by then is settled, whatever clock saw it."""
    if defects is None:
        return now
    tripped = [defects.tripped.at] if defects.tripped else []
    return max([now, *tripped, *(span.until for span in defects.spans)])


def _with(spans: Iterable[Span], seen: Seen, policy: ViolationPolicy, count_from: datetime | None) -> tuple[Span, ...]:
    window = timedelta(seconds=seconds(policy.slow_window))
    kept = [span for span in spans if _is_open(span, count_from)]
    for place, span in enumerate(kept):
        # Only forward: a span must not begin before an acknowledgement that came after those in it.
        if span.since <= seen.since and max(span.until, seen.until) - span.since <= window / SPANS_OF_A_WINDOW:
            until, count = max(span.until, seen.until), min(MOST_COUNTED, span.count + seen.count)
            kept[place] = Span(since=span.since, until=until, count=count)
            return tuple(kept)
    kept.append(Span(since=seen.since, until=seen.until, count=seen.count))
    kept.sort(key=lambda span: span.since)
    while len(kept) > MOST_SPANS:
        first, second = kept[:2]
        if first.until <= seen.until - window:
            del kept[0]
        else:
            until, count = max(first.until, second.until), min(MOST_COUNTED, first.count + second.count)
            kept[:2] = [Span(since=first.since, until=until, count=count)]
    return tuple(kept)


def _is_open(span: Span, count_from: datetime | None) -> bool:
    return count_from is None or span.since > count_from
