# SPDX-License-Identifier: Apache-2.0
"""The Secrets of the namespace genapps-credentials, watched: a rotated one is used by the next call.

A Secret is sent only where both sides say so: the Connector names the Secret, and the Secret names the connector (by
its label) and the hosts (by its annotation). Whoever may write Connectors alone cannot lead a credential elsewhere.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genapps.api.names import ANNOTATION_HOSTS, LABEL_CREDENTIAL_FOR

VALUE_BYTES = 8 * 1024
"""Of one credential."""


class CredentialError(Exception):
    """There is no credential that may be sent. The message is for the app: it names no Secret and no value."""


class CredentialLateError(CredentialError):
    """It did not come in the time that the call has."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One Secret as stored."""

    identity: str
    """Another one after each change; shows nothing."""
    connector: str
    hosts: frozenset[str]
    values: Mapping[str, bytes] = field(repr=False)

    def value(self, key: str) -> str:
        """The text under a key, without a line's end. Raises CredentialError."""
        raw = self.values.get(key)
        if raw is None:
            raise CredentialError("its Secret has not the key that the Connector names")
        text = raw.rstrip(b"\r\n")
        if not text or len(text) > VALUE_BYTES:
            raise CredentialError("its credential is empty or too long")
        if not all(0x21 <= byte <= 0x7E for byte in text):
            raise CredentialError("its credential is not printable ASCII without blanks")
        return text.decode("ascii")


class Secrets:
    """A sink of the watch on Secrets."""

    def __init__(self) -> None:
        self._secrets: dict[str, StoredSecret] = {}

    def bound(self, name: str, connector: str, host: str) -> StoredSecret:
        """The Secret of that name, if it may be sent to this host by this connector. Raises CredentialError."""
        secret = self._secrets.get(name)
        if secret is None or secret.connector != connector:
            raise CredentialError("its Secret is not there, or not labelled for it")
        if host not in secret.hosts:
            raise CredentialError("its Secret is not annotated for the host")
        return secret

    def identity(self, name: str) -> str:
        """Says which credential it is, without showing it; empty when there is none."""
        secret = self._secrets.get(name)
        return "" if secret is None else secret.identity

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list: what is not in it is gone."""
        self._secrets.clear()
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: dict[str, Any]) -> None:
        """A Secret was written. One without label is nobody's."""
        metadata = object_["metadata"]
        connector = (metadata.get("labels") or {}).get(LABEL_CREDENTIAL_FOR)
        if not connector:
            self._secrets.pop(str(metadata["name"]), None)
            return
        hosts = str((metadata.get("annotations") or {}).get(ANNOTATION_HOSTS, ""))
        self._secrets[str(metadata["name"])] = StoredSecret(
            identity=f"{metadata.get('uid')}.{metadata.get('resourceVersion')}",
            connector=str(connector),
            hosts=frozenset(host.strip() for host in hosts.split(",") if host.strip()),
            values={key: value for key, text in (object_.get("data") or {}).items() if (value := _bytes(text))},
        )

    def deleted(self, object_: dict[str, Any]) -> None:
        """A Secret is gone, and is not sent any more."""
        self._secrets.pop(str(object_["metadata"]["name"]), None)


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""
