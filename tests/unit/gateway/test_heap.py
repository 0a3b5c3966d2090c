# SPDX-License-Identifier: Apache-2.0
"""Full collections do not go through what is there from the beginning."""

import gc
import weakref

from genapps.gateway.callers.records import App
from genapps.gateway.heap import keep_all
from tests.unit.gateway.world import app


def test_what_is_there_is_not_looked_at_again_and_is_freed_all_the_same() -> None:
    kept = [app()]
    gone = weakref.ref(kept[0].record)
    keep_all()
    assert not any(isinstance(each, App) and each is kept[0] for each in gc.get_objects())
    kept.clear()
    assert gone() is None
