# SPDX-License-Identifier: Apache-2.0
"""Digests of bundles and envelopes, against an independent way to compute them."""

import base64
import hashlib
import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.digests import bundle_digest, canonical, envelope_digest, sha256
from genapps.api.envelope import Envelope

ENVELOPE: dict[str, Any] = {
    "owner": {"team": "finance-tools"},
    "riskClass": "low",
    "connectors": ["rates", "bank"],
    "retention": {"afterDelete": "168h"},
}
files = st.dictionaries(st.from_regex("[a-z]{1,8}[.]py", fullmatch=True), st.binary(max_size=64), min_size=1)


def by_hand(value: object) -> str:
    """For ASCII keys and no numbers beyond integers, sorted compact JSON is canonical."""
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@given(files)
def test_a_bundle_is_its_entry_and_its_files_in_base64(bundle: dict[str, bytes]) -> None:
    entry = next(iter(bundle))
    encoded = {name: base64.b64encode(content).decode() for name, content in bundle.items()}
    assert bundle_digest(entry, bundle) == by_hand({"entry": entry, "files": encoded})


@pytest.mark.parametrize("path", ["a/b.py", 'quoted"', "back\\slash", "\x01", "\N{SNOWMAN}", "\U0001f600", "\ufb33"])
def test_whatever_a_file_is_called_the_digest_is_that_of_canonical_json(path: str) -> None:
    files = {path: b"1", "b.py": b"2", "\U0001f4a9": b"3", "a": b""}
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    assert bundle_digest("b.py", files) == sha256(canonical({"entry": "b.py", "files": encoded}))


def test_the_order_of_files_does_not_matter() -> None:
    assert bundle_digest("a.py", {"a.py": b"1", "b.py": b"2"}) == bundle_digest("a.py", {"b.py": b"2", "a.py": b"1"})


def test_another_entry_is_another_bundle() -> None:
    assert bundle_digest("a.py", {"a.py": b"1", "b.py": b"2"}) != bundle_digest("b.py", {"a.py": b"1", "b.py": b"2"})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.0, -0.0, 1e15, 1e21, 10**15 - 1, 10**15, "\x7f", '"', "\\", "\n", "\ufb33", "\U0001f600"])
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_the_canonical_form_is_that_of_the_library_whose_matter_it_is(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, -(2**53), {1: 2}, b"x", {"a": {2**64}}, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the library says what, in its own words
        canonical(value)


def test_an_envelope_has_its_connectors_sorted_and_nothing_added() -> None:
    assert envelope_digest(ENVELOPE) == by_hand(ENVELOPE | {"connectors": ["bank", "rates"]})


def test_model_and_stored_object_have_the_same_digest() -> None:
    assert envelope_digest(Envelope.model_validate(ENVELOPE)) == envelope_digest(ENVELOPE)


def test_an_envelope_keeps_its_own_digest_beside_an_equal_one_that_is_stored_otherwise() -> None:
    short = {name: value for name, value in ENVELOPE.items() if name != "connectors"}
    long = short | {"connectors": []}
    first, second = Envelope.model_validate(short), Envelope.model_validate(long)
    assert first == second
    assert (first.digest, second.digest) == (envelope_digest(short), envelope_digest(long))
    assert first.digest != second.digest


def test_an_absent_field_and_a_null_one_are_the_same() -> None:
    assert envelope_digest(ENVELOPE | {"family": None}) == envelope_digest(ENVELOPE)


def test_a_number_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds"):
        canonical({"n": 2**60})
