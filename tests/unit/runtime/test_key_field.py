# SPDX-License-Identifier: Apache-2.0
"""What is taken for an Idempotency-Key, and what is refused with which sentence."""

import pytest

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.key_field import key_of

LENGTH = "1 to 128 printable ASCII characters"
OPEN, BEHIND, ESCAPE = "no closing quote", "behind its closing quote", "no quote and no backslash"

KEYS = [
    (b"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    (b'"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    (b"a", "a"),
    (b'"a"', "a"),
    (b"a b~!", "a b~!"),
    (b'" a "', " a "),
    (b'a"b', 'a"b'),
    (b'a"', 'a"'),
    (b"a\\b", "a\\b"),
    (b'"a\\"b"', 'a"b'),
    (b'"a\\\\b"', "a\\b"),
    (b'"\\""', '"'),
    (b"'a'", "'a'"),
    (b"a,b", "a,b"),
    (b"k" * 128, "k" * 128),
    (b'"' + b"k" * 128 + b'"', "k" * 128),
    (b'"' + b'\\"' * 128 + b'"', '"' * 128),
]
REFUSED = [
    (b"", LENGTH),
    (b'""', LENGTH),
    (b"k" * 129, LENGTH),
    (b'"' + b"k" * 129 + b'"', LENGTH),
    (b'"' + b'\\"' * 129 + b'"', LENGTH),
    (b"a\tb", LENGTH),
    (b"a\x00b", LENGTH),
    (b"a\x7fb", LENGTH),
    (b"caf\xc3\xa9", LENGTH),
    (b'"caf\xe9"', LENGTH),
    (b'"a\tb"', LENGTH),
    (b"\xff", LENGTH),
    (b'"', OPEN),
    (b'"a', OPEN),
    (b'"a\\"', OPEN),
    (b'"a"b', BEHIND),
    (b'"a" ', BEHIND),
    (b'"a";x=1', BEHIND),
    (b'"a", "b"', BEHIND),
    (b'"a""', BEHIND),
    (b'""a', BEHIND),
    (b'"a\\n"', ESCAPE),
    (b'"\\u0041"', ESCAPE),
    (b'"a\\', ESCAPE),
]


@pytest.mark.parametrize(("value", "key"), KEYS)
def test_both_forms_of_a_key_are_read(value: bytes, key: str) -> None:
    assert key_of(value) == key


@pytest.mark.parametrize(("value", "sentence"), REFUSED)
def test_anything_else_is_refused_with_the_reason(value: bytes, sentence: str) -> None:
    with pytest.raises(ProblemError) as refused:
        key_of(value)
    assert (refused.value.code, refused.value.status) == ("RequestInvalid", 400)
    assert sentence in refused.value.detail
