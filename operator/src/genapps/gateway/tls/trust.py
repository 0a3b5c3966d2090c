# SPDX-License-Identifier: Apache-2.0
"""Where the gateway's authority is kept, where it is published, and the TLS context that serves its certificates."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from genapps.api import names
from genapps.cluster import clocks
from genapps.cluster.errors import ConflictError, NotFoundError
from genapps.cluster.resources import CONFIG_MAP, SECRET, Object
from genapps.gateway.ledgers.objects import Objects
from genapps.gateway.tls.certificates import Authority, AuthorityError, Leaf, new_authority, new_leaf, verified

if TYPE_CHECKING:
    from collections.abc import Iterator

_CERTIFICATE = names.GATEWAY_CA_KEY
_KEY = "ca.key"
_CHECK_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


async def obtain_authority(objects: Objects, namespace: str, host: str, now: datetime) -> Authority:
    """The stored authority, or a new one if there is none that is valid.

    Two gateways that start together end with the same one: the first to create (or to swap) it wins, the other
    reads again. Raises ApiError when the API server does not answer."""
    for _ in range(5):
        try:
            secret = await objects.get(SECRET, namespace, names.GATEWAY_TLS_SECRET)
        except NotFoundError:
            secret = None
        if secret is not None:
            try:
                return verified(_decoded(secret), host, now)
            except AuthorityError as error:
                _log.warning("authority_replaced", secret=names.GATEWAY_TLS_SECRET, why=str(error))
        manifest = _secret(namespace, new_authority(host, now), secret)
        try:
            await (objects.create(manifest) if secret is None else objects.apply(manifest))
        except (ConflictError, NotFoundError):
            _log.info("authority_race_lost", secret=names.GATEWAY_TLS_SECRET)
    raise AuthorityError(f"Secret {names.GATEWAY_TLS_SECRET} changes at every attempt to read it")


async def publish(objects: Objects, namespace: str, authorities: str) -> None:
    """Put certificates (PEM) where the operator finds them to copy them into the run namespaces."""
    data = {_CERTIFICATE: authorities}
    try:
        live = await objects.get(CONFIG_MAP, namespace, names.GATEWAY_CA_CONFIGMAP)
    except NotFoundError:
        live = {}
    if live.get("data") != data:
        metadata = _metadata(namespace, names.GATEWAY_CA_CONFIGMAP)
        await objects.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


class Serving(Protocol):
    """Where the certificate of the listener comes from."""

    context: ssl.SSLContext

    @property
    def expires_at(self) -> datetime:
        """When the served certificate ends."""

    async def until_trusted(self) -> None:
        """Return when apps can trust what is served."""

    async def keep_renewed(self) -> None:
        """Until cancelled."""


def server_context() -> ssl.SSLContext:
    """What the listener speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


class ServingCertificate:
    """A TLS context whose certificate, of our own authority, is replaced in place: listener and connections stay."""

    def __init__(self, authority: Authority, host: str, now: datetime) -> None:
        self.authority = authority
        self._host = host
        self.context = server_context()
        self.leaf = self._serve(now)

    @property
    def expires_at(self) -> datetime:
        """When the served certificate ends."""
        return self.leaf.expires_at

    async def until_trusted(self) -> None:
        """At once: the authority was published before, and lasts."""

    def renew_if_due(self, now: datetime) -> bool:
        """True when a new certificate is served from now on."""
        due = now >= self.leaf.renew_at
        if due:
            self.leaf = self._serve(now)
            _log.info("certificate_renewed", expires_at=self.leaf.expires_at.isoformat())
        return due

    async def keep_renewed(self, clock: Callable[[], datetime] = clocks.utc_now) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            self.renew_if_due(clock())

    def _serve(self, now: datetime) -> Leaf:
        leaf = new_leaf(self.authority, self._host, now)
        with certificate_at_path(leaf.key + leaf.certificate) as path:
            self.context.load_cert_chain(path)
        return leaf


@contextmanager
def certificate_at_path(content: bytes) -> Iterator[str]:
    """A path for a key and its certificates that must not touch a disk: the ssl module reads them from paths only."""
    descriptor = os.memfd_create("gateway-key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _decoded(secret: Object) -> Authority:
    data = secret.get("data") or {}
    try:
        return Authority(base64.b64decode(data[_CERTIFICATE]), base64.b64decode(data[_KEY]))
    except (KeyError, TypeError, ValueError) as error:
        raise AuthorityError(f"no {_CERTIFICATE} and {_KEY} in it") from error


def _secret(namespace: str, authority: Authority, replaced: Object | None) -> Object:
    metadata = _metadata(namespace, names.GATEWAY_TLS_SECRET)
    if replaced is not None:
        metadata["resourceVersion"] = replaced["metadata"]["resourceVersion"]
    pairs = ((_CERTIFICATE, authority.certificate), (_KEY, authority.key))
    # An apply takes away what it does not name, and the keys of step tokens are in the same Secret.
    kept = {} if replaced is None else replaced.get("data") or {}
    data = {**kept, **{name: base64.b64encode(value).decode("ascii") for name, value in pairs}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _metadata(namespace: str, name: str) -> Object:
    return {"namespace": namespace, "name": name, "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}}
