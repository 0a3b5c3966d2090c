# SPDX-License-Identifier: Apache-2.0
"""A redirect may lead to another path of the connector's own host, and takes no credential there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from genapps.gateway.egress.messages import EgressReason, EgressRefusedError, OutboundRequest, Target
from genapps.gateway.egress.requests import path_fault

MOST = 3
_STATUSES = frozenset({301, 302, 303, 307, 308})
# All else stays behind: what proves who asks is in headers whose names differ from connector to connector.
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})


def is_redirect(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the answer only names another place."""
    return status in _STATUSES and "location" in headers


def follow(target: Target, request: OutboundRequest, location: str) -> OutboundRequest:
    """The request for that place. Raises EgressRefusedError: the method changes something, or the place is elsewhere or
    has a path that no request may have."""
    if request.method not in ("GET", "HEAD"):
        raise refused(f"{target.host} redirects a {request.method}")
    path = _own_path(target, location)
    if path is None:
        raise refused(f"{target.host} redirects to another scheme, host or port, or to a relative path")
    if fault := path_fault(path):
        raise refused(f"{target.host} redirects, and {fault}")
    headers = tuple((name, value) for name, value in request.headers if name.lower() in _HARMLESS)
    return replace(request, path=path, headers=headers, credential_id="")


def refused(detail: str) -> EgressRefusedError:
    """The connector has had a request, whatever it did with it."""
    return EgressRefusedError(EgressReason.REDIRECT_REFUSED, detail, sent=True)


def _own_path(target: Target, location: str) -> str | None:
    """The path if the location is on the target itself. Text is compared, not parsed: spellings of the same host that
    a parser would have to know are other hosts here."""
    if location.startswith("/"):
        return location  # //host is a path with an empty segment, which no request may have
    usual = 443 if target.scheme == "https" else 80
    origins = [f"{target.scheme}://{target.host}:{target.port}"]
    if target.port == usual:
        origins.append(f"{target.scheme}://{target.host}")
    for origin in origins:
        if location.startswith(f"{origin}/"):
            return location.removeprefix(origin)
    return None
