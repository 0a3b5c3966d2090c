# SPDX-License-Identifier: Apache-2.0
"""The loop: a keyed queue, workers, and one pass per key: observe, judge, desired, plan, apply, record, status."""
