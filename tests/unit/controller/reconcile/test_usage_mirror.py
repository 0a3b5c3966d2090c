# SPDX-License-Identifier: Apache-2.0
"""Figures go into a status once a minute; everything else goes at once."""

from genapps.controller.cache.keys import BudgetKey
from genapps.controller.reconcile.usage_mirror import UsageMirror
from tests.unit.core.status.test_spending import status_of

KEY = BudgetKey("b")


def test_figures_wait_for_a_minute_and_the_last_word_is_written_then() -> None:
    now = [100.0]
    mirror = UsageMirror(lambda: now[0])
    assert mirror.wait(KEY, {}, {"spent": {"tokens": 1}}) == 0
    mirror.written(KEY)
    now[0] += 20
    assert mirror.wait(KEY, {"spent": {"tokens": 1}}, {"spent": {"tokens": 2}}) == 40
    assert mirror.wait(BudgetKey("other"), {}, {"usage": {}}) == 0, "each has its own minute"
    now[0] += 40
    assert mirror.wait(KEY, {"spent": {"tokens": 1}}, {"spent": {"tokens": 3}}) == 0


def test_what_is_no_figure_does_not_wait() -> None:
    mirror = UsageMirror(lambda: 100.0)
    mirror.written(KEY)
    assert mirror.wait(KEY, {"spent": 1, "exhausted": []}, {"spent": 2, "exhausted": ["tokens"]}) == 0
    mirror.forget(KEY)
    assert mirror.wait(KEY, {"spent": 1}, {"spent": 2}) == 0


def test_each_percent_above_an_alert_waits_as_other_figures_do() -> None:
    mirror = UsageMirror(lambda: 100.0)
    mirror.written(KEY)
    reached = status_of(80, alerts=[80, 95])
    assert mirror.wait(KEY, reached, status_of(94, alerts=[80, 95], previous=reached)) == 60
    assert mirror.wait(KEY, reached, status_of(95, alerts=[80, 95], previous=reached)) == 0
