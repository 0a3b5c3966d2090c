# SPDX-License-Identifier: Apache-2.0
"""What a verified token says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asserted:
    """What the app's pod says of its request: the gateway cannot know it, and a pod that somebody has taken over could
    make it up."""

    request_id: str
    step: int
    tenant: str = ""
    """A pseudonym: the same for one tenant and one audience. Empty: the app has no tenants."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of one tool, as the gateway made it."""

    txn: str
    """The id of the token, and so of this attempt."""
    app: str
    """genapps-app/<namespace>/<app>."""
    app_uid: str
    """Which life of the app: one that is created again has another."""
    workload: str
    """The ServiceAccount of the app's pod."""
    connector: str
    tool: str
    effect: str
    """Read or Write."""
    arguments_digest: str
    envelope_digest: str
    """What the app is allowed."""
    asserted: Asserted
    expires_at: int
    """Seconds since 1970: do not begin afterwards."""
    code_digest: str = ""
    revision: str = ""
    idempotency_key: str = ""
    """Of the call; the same for its repetitions. Empty: it has none."""
