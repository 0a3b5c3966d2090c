# SPDX-License-Identifier: Apache-2.0
"""Texts without what is secret or personal in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.redaction.text import KEPT_BACK, SECRET, find, is_secret_name, redact, shown

CARD = "4111 1111 1111 1111"
IBAN = "CH93 0076 2011 6238 5295 7"

TABLE = [
    ("a card", f"paid with {CARD}, thanks", "paid with [redacted:card], thanks"),
    ("a card with a wrong digit", "paid with 4111 1111 1111 1112", "paid with 4111 1111 1111 1112"),
    ("a card of no network", "1111 1111 1111 1117", "1111 1111 1111 1117"),
    ("an account with a wrong digit", "CH93 0076 2011 6238 5295 8", "CH93 0076 2011 6238 5295 8"),
    ("an account of a wrong length", "CH93 0076 2011 6238 5295", "CH93 0076 2011 6238 5295"),
    ("an account before words", f"{IBAN} was paid", "[redacted:iban] was paid"),
    ("a Swiss id with a wrong digit", "756.9217.0769.86", "756.9217.0769.86"),
    ("a Swiss id", "756.9217.0769.85", "[redacted:national-id]"),
    ("both", f"{CARD} {IBAN}", "[redacted:card] [redacted:iban]"),
    ("a password in a URL", "redis://:pw@cache:6379/0", "redis://[redacted:credentials]@cache:6379/0"),
    ("a password in JSON", '{"password": "a\\"b", "n": 1}', '{"password": "[redacted:secret]", "n": 1}'),
    ("a password in JSON in JSON", '{\\"password\\": \\"ab\\", \\"n\\": 1}',
     '{\\"password\\": \\"[redacted:secret]\\", \\"n\\": 1}'),
    ("a password that is cut", 'password="abc def', 'password="[redacted:secret]'),
    ("a key that is cut", "-----BEGIN PRIVATE KEY----- MIIEvQIBADANBg", "[redacted:private-key]"),
    ("what belongs to two kinds", "token=alice@example.com", "token=[redacted:secret]"),
    ("a card with a zero-width blank in it", "4111 1111\u200b 1111 1111.", "[redacted:card]."),
    ("a letter that is two in lower case", "İİİİ password=abc1", "İİİİ password=[redacted:secret]"),
    ("an address", "from 10.0.0.7 and 2001:db8::1", "from 10.0.0.7 and 2001:db8::1"),
    ("a path of ours", "/orders/secret-santa", "/orders/secret-santa"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "left"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_left(text: str, left: str) -> None:
    assert redact(text) == left


@given(st.text(max_size=200))
def test_what_is_found_is_in_order_and_inside(text: str) -> None:
    at = 0
    for begin, end, _ in find(text):
        assert at <= begin < end <= len(text)
        at = end


@given(st.sampled_from([CARD, IBAN, "+41 44 668 18 00", "bob@example.com", "756.9217.0769.85"]), st.integers(0, 400))
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(secret: str, before: int) -> None:
    text = f"{'word ' * (before // 5)}{'x' * (before % 5)} {secret} {'and more ' * 40}"
    for limit in (100, 200):
        for given_text in (text, text[:limit]):  # cut here, and by the guest before
            left = shown(given_text, limit)
            assert len(left) <= limit
            assert not any(secret[at : at + 6] in left for at in range(len(secret) - 5))


def test_a_text_below_the_limit_is_whole_and_a_longer_one_is_cut() -> None:
    assert shown("x" * 99, 100) == "x" * 99
    assert shown("x" * (100 + KEPT_BACK), 100) == "x" * 100
    assert len(shown("x" * 1_000_000, 100)) == 100
    assert shown("a@example.com " * 20, 50) == ("[redacted:email] " * 20)[:50]


@pytest.mark.parametrize(
    "name",
    [
        "password", "DB_PASSWORD", "clientSecret", "accessToken", "Set-Cookie", "cvv2",
        "\uff50assword", "pass\u200bword", "client\u2010secret", "client\u00a0secret",
    ],
)  # fmt: skip
def test_some_names_say_that_their_value_is_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["tokens", "max_tokens", "key", "tokenizer", "author", "password_length", ""])
def test_other_names_do_not(name: str) -> None:
    assert not is_secret_name(name)


def test_the_marker_itself_is_left_alone() -> None:
    for text in (SECRET, f"password={SECRET}", f'"token": "{SECRET}"', f"Bearer {SECRET}"):
        assert redact(redact(text)) == redact(text)
        assert redact(text).count("redacted") == 1
