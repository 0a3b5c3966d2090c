# SPDX-License-Identifier: Apache-2.0
"""From a target to a connection: resolve once, check every address, connect to one that was checked."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from genapps.gateway.egress.addresses import Ranges, refused_pod
from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.messages import (
    EgressReason,
    EgressRefusedError,
    FailureReason,
    Target,
    UpstreamFailedError,
)
from genapps.gateway.egress.proxy import Proxy, open_tunnel
from genapps.gateway.egress.resolver import Resolver

_ADDRESSES = 64
"""Of one name. Each is checked, so that their number costs."""
_ADDRESSES_TRIED = 3


def client_tls(ca: Path | None) -> ssl.SSLContext:
    """Servers are verified, always; `ca` is trusted beside the system's authorities."""
    tls = ssl.create_default_context()
    tls.set_alpn_protocols(["http/1.1"])
    if ca is not None:
        tls.load_verify_locations(cafile=ca)
    return tls


class Dialler:
    """Opens connections; knows the cluster's ranges, the authorities and the proxy."""

    def __init__(self, ranges: Ranges, tls: ssl.SSLContext, resolver: Resolver, proxy: Proxy | None) -> None:
        self._ranges = ranges
        self._tls = tls
        self._resolver = resolver
        self._proxy = proxy
        self._turn = 0

    async def connect(self, target: Target, seconds: float) -> Connection:
        """Raises EgressRefusedError, or UpstreamFailedError with `sent` False."""
        try:
            async with asyncio.timeout(seconds):
                return await self._connect(target, seconds)
        except TimeoutError:
            detail = f"no connection to {target.host} within {seconds:g} s"
            raise UpstreamFailedError(FailureReason.TIMED_OUT, detail, sent=False) from None

    async def _connect(self, target: Target, seconds: float) -> Connection:
        if target.addresses is None and self._proxy is not None:
            named = target.host if self._proxy.resolves_names else (await self._resolved(target))[0]
            return await self._open(target, named, self._proxy)
        addresses = self._in_turn(target) if target.addresses is not None else await self._resolved(target)
        tried = addresses[:_ADDRESSES_TRIED]
        for address in tried[:-1]:
            try:
                async with asyncio.timeout(seconds / len(tried)):
                    return await self._open(target, address)
            except (UpstreamFailedError, TimeoutError):
                continue
        return await self._open(target, tried[-1])

    async def _resolved(self, target: Target) -> tuple[str, ...]:
        """One bad address refuses the name. To take the good ones would hide that somebody tries, and leave it to
        chance and order whether the next check sees what this one saw."""
        try:
            addresses = await self._resolver.addresses(target.host)
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise EgressRefusedError(EgressReason.NAME_NOT_RESOLVED, f"{target.host} has no address")
        if len(addresses) > _ADDRESSES:
            detail = f"{target.host} has more than {_ADDRESSES} addresses"
            raise EgressRefusedError(EgressReason.ADDRESS_REFUSED, detail)
        for address in addresses:
            if not self._ranges.admits_host(address):
                raise EgressRefusedError(EgressReason.ADDRESS_REFUSED, f"{target.host} resolves to {address}")
        return addresses

    def _in_turn(self, target: Target) -> tuple[str, ...]:
        """A Service's addresses, each time beginning with another one."""
        addresses = target.addresses
        if not addresses:
            raise EgressRefusedError(EgressReason.NAME_NOT_RESOLVED, f"{target.host} has no ready pod")
        if (refused := refused_pod(self._ranges, addresses)) is not None:
            raise EgressRefusedError(EgressReason.ADDRESS_REFUSED, f"{target.host} names {refused}")
        self._turn += 1
        first = self._turn % len(addresses)
        return addresses[first:] + addresses[:first]

    async def _open(self, target: Target, address: str, proxy: Proxy | None = None) -> Connection:
        loop = asyncio.get_running_loop()
        connection = Connection(address)
        secured = target.scheme == "https"
        name = target.host if secured else None
        try:
            if proxy is None:
                tls = self._tls if secured else None
                await loop.create_connection(lambda: connection, address, target.port, ssl=tls, server_hostname=name)
            else:
                await open_tunnel(proxy, connection, address, target.port)
                await connection.start_tls(self._tls, target.host)
        except BaseException as error:
            connection.abort()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise _failed(target, address, error) from None
            raise
        return connection


def _failed(target: Target, address: str, error: OSError) -> UpstreamFailedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = f"the certificate of {target.host} at {address} is refused: {error.verify_message}"
        return UpstreamFailedError(FailureReason.TLS_FAILED, detail, sent=False)
    if isinstance(error, ssl.SSLError):
        detail = f"no TLS with {target.host} at {address}: {error.reason}"
        return UpstreamFailedError(FailureReason.TLS_FAILED, detail, sent=False)
    detail = f"no connection to {target.host} at {address}: {error.strerror or type(error).__name__}"
    return UpstreamFailedError(FailureReason.CONNECT_FAILED, detail, sent=False)
