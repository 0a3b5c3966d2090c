# SPDX-License-Identifier: Apache-2.0
"""Which tokens prove a call, and which do not."""

import hashlib
import hmac
import json
import string
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from genapps_verify import Asserted, Fault, PublicKeys, StepTokenRefusedError, StepVerifier
from genapps_verify.verifier import TOKEN_BYTES, arguments_digest
from tests.unit.verify.signer import ARGUMENTS, AUDIENCE, DIGEST, NOW, Signer, claims, part, verifier

SIGNER = Signer()
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256."""


def fault(token: str | None, tool: str = "charge", arguments: Any = None, **changes: Any) -> Fault | None:
    """Why it is refused; None: it is not."""
    try:
        verifier(SIGNER, **changes).verify(token, tool, ARGUMENTS if arguments is None else arguments)
    except StepTokenRefusedError as refused:
        return refused.fault
    return None


def test_a_token_of_this_call_is_taken_and_says_whose_it_is() -> None:
    step = verifier(SIGNER).verify(SIGNER.token(), "charge", ARGUMENTS)
    assert (step.app, step.app_uid, step.connector, step.tool) == (
        "genapps-app/finance/converter",
        "c0ffee",
        "payments",
        "charge",
    )
    assert (step.effect, step.idempotency_key, step.arguments_digest) == ("Write", "f" * 64, DIGEST)
    assert step.asserted == Asserted("r1", 3, "t" * 32)
    assert (step.txn, step.expires_at) == (claims()["txn"], NOW + 10)
    assert step.workload.startswith("system:serviceaccount:genapps-run:")
    assert (step.envelope_digest[7], step.code_digest[7], step.revision[7]) == ("a", "b", "c")


def test_what_a_call_need_not_have_may_be_absent() -> None:
    token = SIGNER.token(
        tctx__idempotency_key=None, tctx__code_digest=None, rctx__revision=None, rctx__asserted_by_runtime__tenant=None
    )
    step = verifier(SIGNER).verify(token, "charge", ARGUMENTS)
    assert (step.idempotency_key, step.code_digest, step.revision, step.asserted.tenant) == ("", "", "", "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": "https://others.example.com"}, Fault.AUDIENCE),
        ({"aud": AUDIENCE + "/"}, Fault.AUDIENCE),
        ({"aud": [AUDIENCE]}, Fault.MALFORMED),
        ({"tctx__connector": "mail"}, Fault.CONNECTOR),
        ({"tctx__connector": "Payments"}, Fault.CONNECTOR),
        ({"tctx__tool": "refund"}, Fault.TOOL),
        ({"tctx__arguments_digest": DIGEST[:-1] + "0"}, Fault.ARGUMENTS),
        ({"tctx__arguments_digest": ""}, Fault.MALFORMED),
        ({"txn": None}, Fault.MALFORMED),
        ({"txn": ""}, Fault.MALFORMED),
        ({"txn": 7}, Fault.MALFORMED),
        ({"sub": None}, Fault.MALFORMED),
        ({"req_wl": None}, Fault.MALFORMED),
        ({"exp": None}, Fault.MALFORMED),
        ({"exp": NOW + 10.5}, Fault.MALFORMED),
        ({"iat": True}, Fault.MALFORMED),
        ({"tctx": None}, Fault.MALFORMED),
        ({"tctx": [1]}, Fault.MALFORMED),
        ({"rctx": None}, Fault.MALFORMED),
        ({"rctx__asserted_by_runtime": None}, Fault.MALFORMED),
        ({"rctx__asserted_by_runtime__step": "3"}, Fault.MALFORMED),
        ({"exp": NOW + 60}, None),
        ({"exp": NOW + 61}, Fault.LIVES_TOO_LONG),
        ({"exp": NOW - 1}, Fault.LIVES_TOO_LONG),
    ],
)
def test_a_token_about_something_else_is_refused(changes: dict[str, Any], expected: Fault | None) -> None:
    assert fault(SIGNER.token(**changes)) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW - 5.0, None),
        (NOW - 5.1, Fault.ISSUED_LATER),
        (NOW + 14.9, None),
        (NOW + 15.0, Fault.EXPIRED),
    ],
)
def test_a_token_is_of_use_within_its_life_and_the_leeway_of_clocks(now: float, expected: Fault | None) -> None:
    assert fault(SIGNER.token(), now=now) == expected


def test_the_tool_is_the_one_that_was_asked_for() -> None:
    assert fault(SIGNER.token(), tool="refund") == Fault.TOOL


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"to": "Zoë", "amount": 5}, None),
        ({"amount": 5.0, "to": "Zoë"}, None),
        ({"amount": 500, "to": "Zoë"}, Fault.ARGUMENTS),
        ({"amount": "5", "to": "Zoë"}, Fault.ARGUMENTS),
        ({"amount": 5}, Fault.ARGUMENTS),
        ({**ARGUMENTS, "more": None}, Fault.ARGUMENTS),
        ({**ARGUMENTS, "amount": 2**53}, Fault.ARGUMENTS),
        ({**ARGUMENTS, "amount": float("nan")}, Fault.ARGUMENTS),
        ({}, Fault.ARGUMENTS),
    ],
)
def test_other_arguments_are_another_call(arguments: dict[str, Any], expected: Fault | None) -> None:
    assert fault(SIGNER.token(), arguments=arguments) == expected


def test_a_token_is_of_use_once_and_one_that_was_refused_is_not_used_up() -> None:
    used, token = verifier(SIGNER), SIGNER.token()
    for expected in (Fault.TOOL, Fault.ARGUMENTS):
        with pytest.raises(StepTokenRefusedError) as refused:
            used.verify(token, "refund" if expected is Fault.TOOL else "charge", {} if expected else ARGUMENTS)
        assert refused.value.fault == expected
    used.verify(token, "charge", ARGUMENTS)
    with pytest.raises(StepTokenRefusedError) as refused:
        used.verify(token, "charge", ARGUMENTS)
    assert refused.value.fault == Fault.REPLAYED
    used.verify(SIGNER.token(txn="another"), "charge", ARGUMENTS)


def test_the_same_token_in_other_letters_is_a_replay() -> None:
    used, token = verifier(SIGNER), SIGNER.token()
    used.verify(token, "charge", ARGUMENTS)
    head, body, signature = token.split(".")
    r, s = signature_numbers(signature)
    twin = part(r.to_bytes(32, "big") + (ORDER - s).to_bytes(32, "big"))  # each signature has one
    last = LETTERS[LETTERS.index(signature[-1]) ^ 1]  # of which two bits mean nothing
    for other in (twin, signature[:-1] + last):
        with pytest.raises(StepTokenRefusedError) as refused:
            used.verify(f"{head}.{body}.{other}", "charge", ARGUMENTS)
        assert refused.value.fault == Fault.REPLAYED


def signature_numbers(signature: str) -> tuple[int, int]:
    raw = jwt.utils.base64url_decode(signature)
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


def test_a_token_that_is_not_signed_is_refused() -> None:
    for algorithm in ("none", "None", "NONE", ""):
        head = part({"alg": algorithm, "typ": "txntoken+jwt", "kid": "first"})
        assert fault(f"{head}.{part(claims())}.") == Fault.ALGORITHM


def test_the_public_key_is_no_shared_secret() -> None:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = SIGNER.private.public_key().public_bytes(*form)
    signed = f"{part({'alg': 'HS256', 'typ': 'txntoken+jwt', 'kid': 'first'})}.{part(claims())}"
    signature = part(hmac.digest(public, signed.encode(), hashlib.sha256))
    assert fault(f"{signed}.{signature}") == Fault.ALGORITHM


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ({"typ": "JWT"}, Fault.TYPE),
        ({"typ": "at+jwt"}, Fault.TYPE),
        ({"typ": "TXNTOKEN+JWT"}, Fault.TYPE),
        ({"kid": "second"}, Fault.KEY_UNKNOWN),
        ({"crit": ["exp"]}, Fault.MALFORMED),
        ({"jwk": {}}, Fault.MALFORMED),
        ({"jku": "https://evil.example.com"}, Fault.MALFORMED),
        ({"b64": False}, Fault.MALFORMED),
    ],
)
def test_a_head_that_says_something_else_is_refused(head: dict[str, Any], expected: Fault) -> None:
    assert fault(SIGNER.token(head)) == expected


def test_a_key_of_the_same_name_that_is_not_published_signs_nothing() -> None:
    assert fault(Signer().token()) == Fault.SIGNATURE


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_token_of_which_any_part_was_changed_is_refused(number: int) -> None:
    parts, others = SIGNER.token().split("."), SIGNER.token({"kid": "x"}, txn="x").split(".")
    parts[number] = others[number]
    assert fault(".".join(parts)) in (Fault.SIGNATURE, Fault.KEY_UNKNOWN)


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "a",
        "a.b",
        "a.b.c.d",
        "a.b.c\n",
        "a .b.c",
        "ä.b.c",
        "a.b.c",
        f"{part([1])}.{part({})}.AA",
        f"{part(b'{')}.{part({})}.AA",
        f"{part(b'[' * 5000)}.{part({})}.AA",
        "a" * TOKEN_BYTES + ".b.c",
    ],
)
def test_what_is_no_token_is_refused(token: str | None) -> None:
    assert fault(token) == (Fault.MALFORMED if token else Fault.MISSING)


@pytest.mark.parametrize(
    "signature", ["", "AA", part(b"\0" * 64), part(b"\xff" * 64), part(b"\1" * 63), part(b"\1" * 65)]
)
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    head, body, _ = SIGNER.token().split(".")
    assert fault(f"{head}.{body}.{signature}") == Fault.SIGNATURE


@pytest.mark.parametrize("content", [b"[]", b"7", b"{", b"\xff", b'{"iat": ' + b"9" * 5000 + b"}"])
def test_signed_claims_that_are_no_object_are_refused(content: bytes) -> None:
    head = {"typ": "txntoken+jwt", "kid": "first"}
    token = jwt.api_jws.encode(content, SIGNER.private, algorithm="ES256", headers=head)
    assert fault(token) == Fault.MALFORMED


@pytest.mark.parametrize("names", [("", AUDIENCE), ("payments", "")])
def test_a_verifier_is_told_its_connector_and_audience(names: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="name of its connector"):
        StepVerifier(*names, PublicKeys(SIGNER.published))


@given(st.text(max_size=40).map(lambda text: f"{part({'alg': 'ES256'})}.{text}"))
def test_whatever_is_sent_is_refused_by_name(token: str) -> None:
    assert fault(token) is not None


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53) + 1, 2**53 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_arguments_have_the_same_digest_after_they_were_sent_as_json(arguments: dict[str, Any]) -> None:
    assert arguments_digest(json.loads(json.dumps(arguments))) == arguments_digest(arguments) != ""
