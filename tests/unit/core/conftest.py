# SPDX-License-Identifier: Apache-2.0
"""Properties are never judged by the clock, and tried often enough: the machine is shared."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None, max_examples=50)
settings.load_profile("untimed")
