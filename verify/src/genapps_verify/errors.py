# SPDX-License-Identifier: Apache-2.0
"""Why a request is not answered. "The token was refused" and "it could not be checked" are different errors."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with a token, in the order in which it is looked for."""

    MISSING = "missing"
    """The request has none."""
    MALFORMED = "malformed"
    """Not a token of this form, or too large."""
    ALGORITHM = "algorithm"
    """Signed by another algorithm than ES256, or not at all."""
    TYPE = "type"
    """A token for something else."""
    KEY_UNKNOWN = "key_unknown"
    """The gateway does not publish the key."""
    SIGNATURE = "signature"
    """Not by that key, or changed afterwards."""
    EXPIRED = "expired"
    ISSUED_LATER = "issued_later"
    """From the future: the clocks differ too much."""
    LIVES_TOO_LONG = "lives_too_long"
    """For longer than a token of a gateway may."""
    AUDIENCE = "audience"
    """For somebody else."""
    CONNECTOR = "connector"
    """For a call of another connector."""
    TOOL = "tool"
    """For a call of another tool."""
    ARGUMENTS = "arguments"
    """For a call with other arguments."""
    REPLAYED = "replayed"
    """Used before."""


class StepTokenRefusedError(Exception):
    """The request is not the call that a gateway made. Answer with 401; `fault` is for the log."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"step token refused: {fault.replace('_', ' ')}")
        self.fault = fault


class KeysUnavailableError(Exception):
    """There are no keys to check tokens with, or none that are fresh enough. Answer with 503."""


class ReplayStoreFullError(Exception):
    """It cannot be known whether the token was used before. Answer with 503."""
