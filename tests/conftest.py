# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: properties are never judged by the time they take, and what was collected is no garbage."""

import gc

from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Ten thousand tests are 380,000 objects, and the collector looks at all of them again and again: 0.17 s of
    processor time each, also within a statement of SQL that may take 0.02 s.
    """
    gc.collect()
    gc.freeze()
