# SPDX-License-Identifier: Apache-2.0
"""What a connector's target must look like before its name is resolved."""

from __future__ import annotations

from functools import lru_cache

from genapps.api.addresses import is_host_name
from genapps.gateway.egress.messages import Target

_INSIDE = (".svc", ".local", ".localhost", ".localdomain", ".internal", ".arpa")


@lru_cache(maxsize=1024)
def target_fault(target: Target) -> str | None:
    """What is wrong with it, in words; None for nothing.

    A host name goes out over https only. A Service (with addresses) may be http, and its host is a name inside.
    Remembered: each request asks, and targets change rarely.
    """
    if target.scheme not in ("https", "http"):
        return "the scheme is neither https nor http"
    if not is_host_name(target.host):
        return "the host is no full name in lower case, as in api.example.com"
    if not 1 <= target.port <= 65535:
        return "the port is none"
    if target.addresses is None and target.scheme != "https":
        return "only a Service may be reached by http"
    if target.addresses is None and target.host.endswith(_INSIDE):
        return "the host is a name inside a cluster or its network"
    return None
