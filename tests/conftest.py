# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: properties are never judged by the time they take."""

from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
