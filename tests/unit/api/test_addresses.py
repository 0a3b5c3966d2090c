# SPDX-License-Identifier: Apache-2.0
"""Which addresses a stranger's word may lead us to."""

import pytest

from genapps.api.addresses import is_host_name, is_public

PRIVATE = (
    "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "0.0.0.0", "0.1.2.3",
    "169.254.169.254", "168.63.129.16", "192.0.0.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "255.255.255.255",
    "240.0.0.1", "::", "::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "ff02::1", "100::1", "2001::1",
    "2001:db8::1", "::ffff:93.184.216.34", "::ffff:127.0.0.1", "64:ff9b::5db8:d822", "2002:7f00:1::1", "203.0.113.1",
    "192.88.99.1", "192.0.2.1", "198.51.100.1", "::127.0.0.1", "::1.2.3.4", "3fff::1", "5f00::1", "4000::1", "fec0::1",
    "64:ff9b:1::1", "2001:20::1", "2001:10::1",
)  # fmt: skip
NO_ADDRESS = ("", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "93.184.216.34.", " 93.184.216.34")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_and_reserved_addresses_are_not_public(address: str) -> None:
    assert is_public(address) is False


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_other_spellings_are_no_addresses(text: str) -> None:
    assert is_public(text) is False


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:4700::1111"])
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(address) is True


@pytest.mark.parametrize("host", ["example.com", "blobs.s3.eu-west-1.example.com", "a.b", "xn--bcher-kva.example"])
def test_full_names_are_host_names(host: str) -> None:
    assert is_host_name(host) is True


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "example.com.",
        "Example.com",
        "127.0.0.1",
        "0x7f.1",
        "a.b.1",
        "::1",
        "a..b",
        "-a.b",
        "b\u00fccher.example",
        "",
    ],
)
def test_short_names_and_addresses_in_any_spelling_are_none(host: str) -> None:
    assert is_host_name(host) is False
