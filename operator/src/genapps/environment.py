# SPDX-License-Identifier: Apache-2.0
"""What the settings of all processes share."""

from __future__ import annotations


class SettingsError(Exception):
    """An environment variable (or a file that one names) is missing or malformed; the message names it and what it
    may be."""
