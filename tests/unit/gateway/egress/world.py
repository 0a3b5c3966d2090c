# SPDX-License-Identifier: Apache-2.0
"""Servers on this host that answer as a test says, and an `Upstream` for which this host is the Internet."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from genapps.gateway.egress.addresses import Ranges
from genapps.gateway.egress.dialling import client_tls
from genapps.gateway.egress.messages import EgressLimits, OutboundRequest, Target
from genapps.gateway.egress.proxy import Proxy
from genapps.gateway.egress.resolver import Lookup, Resolver
from genapps.gateway.egress.upstream import Upstream

HOST = "api.example.com"
HERE = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
START = b"HTTP/1.1 200 OK\r\n"
CHUNKED = START + b"transfer-encoding: chunked\r\n\r\n"
LIMITS = EgressLimits(seconds=20.0)
GET = OutboundRequest("GET", "/")
GONE = "127.0.0.2"
"""Where nothing listens."""
END = None
Script = Callable[[bytes], Iterable[bytes | asyncio.Event | None]]
"""What a request is answered with, piece by piece; an Event is waited for, END closes the connection."""


class LocalRanges(Ranges):
    """This host counts as the Internet and as a pod; all else is judged as it is."""

    def admits_host(self, address: str) -> bool:
        return address == HERE or super().admits_host(address)

    def admits_pod(self, address: str) -> bool:
        return address in (HERE, GONE) or super().admits_pod(address)


@dataclass
class Server:
    """What a server has seen."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    anything_closed: asyncio.Event = field(default_factory=asyncio.Event)

    def service(self, *addresses: str, host: str = "rates.team.svc") -> Target:
        return Target("rates", "http", host, self.port, addresses or (HERE,))

    def public(self, host: str = HOST) -> Target:
        return Target("rates", "https", host, self.port)


@asynccontextmanager
async def listening(
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """A port of this host; what is still connected at the end is cancelled."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await connected(reader, writer)

    server = await asyncio.start_server(one, HERE, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Answers each request by the script until the context ends."""
    seen = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            await _answer(reader, writer, script, seen)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            seen.closed += 1
            seen.anything_closed.set()
            writer.close()

    async with listening(connected, tls) as seen.port:
        yield seen


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, script: Script, seen: Server) -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
        seen.requests.append(head + await reader.readexactly(int(length)))
        for piece in script(seen.requests[-1]):
            if piece is END:
                return
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                writer.write(piece)
                await writer.drain()


def always(*pieces: bytes | asyncio.Event | None) -> Script:
    return lambda _: pieces


def sized(body: bytes, *headers: bytes) -> bytes:
    """An answer with the body and its length."""
    return b"\r\n".join([START.rstrip(), *headers, b"content-length: %d" % len(body), b"", body])


def encoded(body: bytes, encoding: bytes = b"gzip") -> bytes:
    """An answer with a body that was encoded."""
    return sized(body, b"content-encoding: " + encoding)


def upstream(
    lookup: Lookup = lambda _: (HERE,), ranges: Ranges | None = None, proxy: Proxy | None = None, ca: Path | None = None
) -> Upstream:
    """Names resolve by `lookup`, to this host unless one is given."""
    resolver = Resolver(lookup)
    return Upstream(LocalRanges() if ranges is None else ranges, _client_tls(ca), proxy, resolver)


# The system's authorities take 20 ms to read.
_client_tls = cache(client_tls)


@cache
def authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate authority that no system trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate("test authority", key, None), key


def authority_file(folder: Path) -> Path:
    path = folder / "ca.pem"
    path.write_bytes(authority()[0].public_bytes(serialization.Encoding.PEM))
    return path


@cache
def server_tls(host: str = HOST) -> ssl.SSLContext:
    """With a certificate of the authority for the host."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        both = Path(folder) / "both.pem"
        both.write_bytes(_certificate(host, key, authority()).public_bytes(serialization.Encoding.PEM) + private)
        tls.load_cert_chain(both)
    return tls


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = key if issuer is None else issuer[1]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if issuer is None:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(signer, hashes.SHA256())
