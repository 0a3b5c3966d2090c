# SPDX-License-Identifier: Apache-2.0
"""Credentials for registries, from a file in the form of `kubernetes.io/dockerconfigjson` that the kubelet mounts.

The operator has no right to read Secrets: the chart mounts this one. It is read at each use, so a rotation needs no
restart.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from genapps.registry.artifact import Reference


@dataclass(frozen=True, slots=True)
class Login:
    """User and password for one registry."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def login_for(file: Path | None, reference: Reference) -> Login | None:
    """The login with the longest matching `registry` or `registry/prefix`; None where there is none, or no file."""
    if file is None:
        return None
    try:
        auths = orjson.loads(file.read_bytes()).get("auths")
    except (OSError, orjson.JSONDecodeError, AttributeError):
        return None
    wanted = f"{reference.host}/{reference.repository}/"
    best: tuple[int, Login] | None = None
    for key, entry in auths.items() if isinstance(auths, dict) else ():
        place = _place(key)
        login = _login(entry)
        if login and wanted.startswith(f"{place}/") and (best is None or len(place) > best[0]):
            best = len(place), login
    return best[1] if best else None


def _place(key: str) -> str:
    """Docker's own files write `https://registry/v1/` for `registry`."""
    place = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return place.removesuffix("/v1").removesuffix("/v2")


def _login(entry: Any) -> Login | None:
    if not isinstance(entry, dict):
        return None
    user, password = entry.get("username"), entry.get("password")
    if isinstance(user, str) and isinstance(password, str):
        return Login(user, password)
    try:
        user, separator, password = (
            base64.b64decode(str(entry.get("auth") or ""), validate=True).decode().partition(":")
        )
    except (ValueError, binascii.Error):
        return None
    return Login(user, password) if separator else None
