# SPDX-License-Identifier: Apache-2.0
"""Where keys come from, how long they count, and how often anybody can make a verifier ask for them."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from genapps.gateway.tls.certificates import new_authority, new_leaf
from genapps_verify import KeysUnavailableError, PublicKeys, keys_from_file, keys_from_url
from genapps_verify.keys import SET_BYTES, read_keys
from tests.unit.gateway.world import NOON
from tests.unit.verify.signer import Signer

FIRST, SECOND = Signer(), Signer("second")


class Source:
    """A set that changes or fails, read by a clock that is set."""

    def __init__(self) -> None:
        self.content: bytes | Exception = FIRST.published()
        self.reads = 0
        self.now = 0.0
        self.keys = PublicKeys(self.read, clock=lambda: self.now)

    def read(self) -> bytes:
        self.reads += 1
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def test_keys_are_read_once_and_again_after_five_minutes() -> None:
    source = Source()
    for source.now in (0.0, 1.0, 299.9):
        assert source.keys.find("first") is not None
    assert source.reads == 1
    source.now = 300.0
    assert source.keys.find("first") is not None
    assert source.reads == 2


def test_a_new_key_is_found_at_once_and_made_up_ones_cause_few_reads() -> None:
    source = Source()
    assert source.keys.find("first") is not None
    source.content = FIRST.published(SECOND)
    source.now = 10.0
    assert source.keys.find("second") is not None
    for source.now in (10.0, 15.0, 19.9):
        assert source.keys.find("made up") is None
    assert source.reads == 2
    source.now = 20.0
    assert source.keys.find("made up") is None
    assert source.reads == 3


def test_a_key_that_was_taken_away_counts_no_more_when_keys_are_read_again() -> None:
    source = Source()
    assert source.keys.find("first") is not None
    source.content = SECOND.published()
    source.now = 300.0
    assert source.keys.find("first") is None


@pytest.mark.parametrize("broken", [OSError("no route"), b"", b"{}", TimeoutError()])
def test_keys_of_before_are_used_for_an_hour_when_they_cannot_be_read(broken: bytes | Exception) -> None:
    source = Source()
    assert source.keys.find("first") is not None
    source.content = broken
    source.now = 3599.9
    assert source.keys.find("first") is not None
    source.now = 3610.0
    with pytest.raises(KeysUnavailableError):
        source.keys.find("first")
    source.content = FIRST.published()
    source.now = 3620.0
    assert source.keys.find("first") is not None


def test_without_keys_nothing_is_checked_and_the_source_is_left_in_peace() -> None:
    source = Source()
    source.content = OSError("no route")
    for source.now in (0.0, 9.9):
        with pytest.raises(KeysUnavailableError, match="no route"):
            source.keys.find("first")
    assert source.reads == 1


def keys(*entries: Any) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"keys": {}}',
        keys(),
        keys(1),
        keys({"kty": "RSA"}),
        keys(FIRST.jwk(alg="ES384")),
        keys(FIRST.jwk(use="enc")),
        keys(FIRST.jwk(kid=7)),
        keys(FIRST.jwk(), FIRST.jwk()),
        keys(FIRST.jwk(x="AAAA")),
        keys(FIRST.jwk(x=None)),
        keys(FIRST.jwk(x=SECOND.jwk()["x"])),
        keys(*[FIRST.jwk(kid=str(number)) for number in range(17)]),
        FIRST.published() + b" " * SET_BYTES,
    ],
)
def test_what_is_no_set_of_keys_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(content)


def test_other_keys_in_a_set_are_left_out() -> None:
    found = read_keys(keys({"kty": "OKP"}, FIRST.jwk(), *[SECOND.jwk(kid=str(number)) for number in range(14)]))
    assert len(found) == 15


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(FIRST.published())
    assert keys_from_file(path).find("first") is not None
    path.unlink()
    with pytest.raises(KeysUnavailableError):
        keys_from_file(path).find("first")


class Port:
    """The gateway's port of keys, with a certificate for localhost."""

    def __init__(self, folder: Path) -> None:
        self.status, self.headers, self.content = 200, {"Location": "/elsewhere"}, FIRST.published()
        self.asked: list[str] = []
        authority = new_authority("localhost", NOON)
        leaf = new_leaf(authority, "localhost", NOON)
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(authority.certificate)
        (folder / "tls.pem").write_bytes(leaf.key + leaf.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.pem")
        port = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                port.asked.append(self.path)
                self.send_response(port.status)
                for name, value in port.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(port.content)

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/jwks.json"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    served = Port(tmp_path)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_keys_come_from_a_url_by_the_gateways_authority(port: Port) -> None:
    assert keys_from_url(port.url, str(port.ca)).find("first") is not None


def test_who_has_no_certificate_of_that_authority_gives_no_keys(port: Port) -> None:
    with pytest.raises(KeysUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        keys_from_url(port.url).find("first")
    assert port.asked == []


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
def test_another_answer_gives_no_keys_and_leads_nowhere(port: Port, status: int) -> None:
    port.status = status
    with pytest.raises(KeysUnavailableError):
        keys_from_url(port.url, str(port.ca)).find("first")
    assert port.asked == ["/jwks.json"]


def test_keys_are_not_read_without_tls() -> None:
    with pytest.raises(ValueError, match="https"):
        keys_from_url("http://gateway.genapps-system.svc:8445/jwks.json")
