# SPDX-License-Identifier: Apache-2.0
"""A certificate from a Secret that somebody else renews, such as cert-manager, in place of one of our own authority.

Apps trust what is published of its `ca.crt`. It takes minutes until a change of that has come to every pod. So when the
authority changes, both are published first, and the new certificate is served later.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from cryptography import x509

from genapps.api import names
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError, NotFoundError
from genapps.cluster.resources import CONFIG_MAP, SECRET, Object
from genapps.gateway.ledgers.objects import Objects
from genapps.gateway.tls.certificates import AuthorityError
from genapps.gateway.tls.trust import certificate_at_path, publish, server_context

SPREAD = timedelta(minutes=3)
"""From the publication of an authority until every pod has it: the operator copies it, then each kubelet does."""
LOOK_SECONDS = 60.0
_AUTHORITY, _CHAIN, _KEY = "ca.crt", "tls.crt", "tls.key"
_MOST_BYTES = 64 * 1024
_MOST_TURNS = 8
"""Of a handshake, which takes three."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Provided:
    """What is in the Secret, as PEM: authority, chain and key."""

    authority: str
    chain: bytes
    key: bytes = field(repr=False)
    expires_at: datetime = field(compare=False)


def read_provided(secret: Object, host: str) -> Provided:
    """What a client that trusts `ca.crt` alone accepts for `host`. Raises AuthorityError."""
    name, data = secret["metadata"]["name"], secret.get("data") or {}
    try:
        authority, chain, key = (base64.b64decode(data[one], validate=True) for one in (_AUTHORITY, _CHAIN, _KEY))
        expires_at = x509.load_pem_x509_certificates(chain)[0].not_valid_after_utc
        found = Provided(authority.decode("ascii").strip() + "\n", chain, key, expires_at)
    except (KeyError, TypeError, ValueError) as error:
        raise AuthorityError(f"Secret {name} has no readable {_AUTHORITY}, {_CHAIN} and {_KEY}") from error
    if len(authority) > _MOST_BYTES:
        raise AuthorityError(f"Secret {name}: {_AUTHORITY} is larger than {_MOST_BYTES} bytes")
    try:
        _shake_hands(found, host)
    except ssl.SSLError as error:
        raise AuthorityError(f"Secret {name} is of no use for {host}: {error.reason or error}") from error
    return found


def _shake_hands(provided: Provided, host: str) -> None:
    """In memory, as a runtime does it: what it would refuse is refused here."""
    server, client = server_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with certificate_at_path(provided.key + provided.chain) as path:
        server.load_cert_chain(path)
    client.load_verify_locations(cadata=provided.authority)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(_MOST_TURNS):
        for end in tuple(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
    if ends:
        raise ssl.SSLError("the handshake does not end")


class ProvidedCertificate:
    """A TLS context whose certificate is that of the Secret, replaced in place. `obtain` makes one."""

    def __init__(self, objects: Objects, namespace: str, secret: str, host: str, served: Provided) -> None:
        self.context = server_context()
        self._objects = objects
        self._namespace = namespace
        self._secret = secret
        self._host = host
        self._served = served
        self._refused: str | None = None
        self._next: tuple[str, datetime] | None = None
        """The authority that comes next, and when every pod has it."""
        self._alone_at: datetime | None = None
        """When what was trusted before is published no more."""
        self._serve(served)

    @classmethod
    async def obtain(
        cls, objects: Objects, namespace: str, secret: str, host: str, now: datetime
    ) -> ProvidedCertificate:
        """Read and published. Raises ApiError, and AuthorityError when the Secret is of no use."""
        try:
            served = read_provided(await objects.get(SECRET, namespace, secret), host)
        except NotFoundError as error:
            raise AuthorityError(f"Secret {secret} of gateway.tls.secretName is not in {namespace}") from error
        made = cls(objects, namespace, secret, host, served)
        await made._begin(now)
        return made

    @property
    def expires_at(self) -> datetime:
        """When the served certificate ends."""
        return self._served.expires_at

    async def until_trusted(self, clock: Callable[[], datetime] = clocks.utc_now) -> None:
        """Return when every pod can trust what is served: at once, unless they trust something else so far."""
        if self._next is not None:
            await asyncio.sleep((self._next[1] - clock()).total_seconds())

    async def keep_renewed(self, clock: Callable[[], datetime] = clocks.utc_now) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look(clock())
            except ApiError as error:
                _log.warning("certificate_not_read", secret=self._secret, error=str(error))

    async def look(self, now: datetime) -> None:
        """Take what is in the Secret now. What is of no use is logged, and the one before goes on. Raises ApiError."""
        try:
            found = read_provided(await self._objects.get(SECRET, self._namespace, self._secret), self._host)
        except (AuthorityError, NotFoundError) as error:
            if str(error) != self._refused:
                _log.error("certificate_refused", secret=self._secret, why=str(error))
            self._refused = str(error)
            return
        self._refused = None
        if found.authority == self._served.authority:
            self._next = None
            if found != self._served:
                self._serve(found)
        elif self._next is None or self._next[0] != found.authority:
            await self._publish(found.authority, self._served.authority)
            self._next = found.authority, now + SPREAD
        elif now >= self._next[1]:
            self._serve(found)
            self._next, self._alone_at = None, now + SPREAD
        if self._next is None and self._alone_at is not None and now >= self._alone_at:
            await self._publish(self._served.authority)
            self._alone_at = None

    async def _begin(self, now: datetime) -> None:
        """At the start others may serve something else, and pods may trust something else."""
        try:
            config = await self._objects.get(CONFIG_MAP, self._namespace, names.GATEWAY_CA_CONFIGMAP)
            before = str((config.get("data") or {}).get(names.GATEWAY_CA_KEY, ""))
        except NotFoundError:
            before = ""
        if before and self._served.authority not in before and len(before) <= 2 * _MOST_BYTES:
            await self._publish(self._served.authority, before)
            self._next = self._served.authority, now + SPREAD
        elif self._served.authority not in before:
            await self._publish(self._served.authority)
        if before not in ("", self._served.authority):
            self._alone_at = now + 2 * SPREAD

    async def _publish(self, *authorities: str) -> None:
        await publish(self._objects, self._namespace, "".join(authorities))

    def _serve(self, provided: Provided) -> None:
        with certificate_at_path(provided.key + provided.chain) as path:
            self.context.load_cert_chain(path)
        self._served = provided
        _log.info("certificate_taken", secret=self._secret, expires_at=provided.expires_at.isoformat())
