# SPDX-License-Identifier: Apache-2.0
"""What must be true of a text beside its form, so that ordinary words and numbers stay."""

import binascii
import re

_TOKEN_LIKE = re.compile(r"[0-9]|[a-z][A-Z]|[._=/+~][A-Za-z]")
_DIGIT, _CAPITAL = re.compile("[0-9]"), re.compile("[A-Z]")
_IDENTIFIER = re.compile(r"[a-z_][\w.]*\Z")
_NAMED_SO = re.compile(r"[a-z_.]*(?:password|passwd|secret|token|key|credentials?|authorization)\Z")
_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and any are at bad bool boolean bytes can cannot changed denied does empty error expired expires failed "
        "false field for from given has have in incorrect integer invalid is it length may mismatch missing must nil "
        "no none not null number of ok on optional or please received redacted refresh refused rejected required reset "
        "revoked set should str string the this to too true undefined unknown unset updated value verified was were "
        "will with wrong you your",
    )
)
"""What follows `password:` in a sentence and `token=` in code."""
_FILES = frozenset({"css", "gif", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "md", "pdf", "png", "svg"})
_SHORT_NUMBER = 5


def is_authorization(match: re.Match[str]) -> bool:
    """Whether what follows `Bearer` or `Basic` is a token, or a user and a password."""
    value = match[1].rstrip(".")
    if match[0][:5].lower() != "basic":
        return _TOKEN_LIKE.search(value) is not None
    try:
        return b":" in binascii.a2b_base64(value + "=" * (-len(value) % 4))
    except binascii.Error:
        return False


def is_secret_value(match: re.Match[str]) -> bool:
    """Whether what stands at the name of a secret is one, and no word of a sentence and no piece of code.

    All is in lower case.
    """
    value = match["bare"]
    if value is None:
        value = match["quoted"]
        return value not in _WORDS and set(value) - set("*.x• ") != set()
    if value.rstrip(".:!?") in _WORDS or not set(value) - set("*.x•|:=-"):
        return False
    name = match[0][:4]
    if name == "pwd=":
        return not value.startswith("/")
    if value.isdigit() and len(value) <= _SHORT_NUMBER and name in {"toke", "sess", "sign"}:
        return False
    called = match.string[match.end() : match.end() + 1]
    return not (_IDENTIFIER.match(value) and ((called and called in "([") or _NAMED_SO.match(value)))


def is_userinfo(match: re.Match[str]) -> bool:
    """Whether what stands before a host has a password, or is long enough to be a token."""
    return ":" in match[1] or len(match[1]) > 16


def is_vendor_key(match: re.Match[str]) -> bool:
    """Words with hyphens may begin with `sk-`; keys have digits and capitals too."""
    key = match[0]
    return not key.startswith(("sk-", "xox", "hf_")) or (
        _DIGIT.search(key) is not None and (_CAPITAL.search(key) is not None or key.startswith("xox"))
    )


def is_email(match: re.Match[str]) -> bool:
    """Whether the last part of the domain may be a top-level domain; `git@host` is the way to a repository."""
    address = match[0]
    last = address.rpartition(".")[2].lower()
    if not (last.isalpha() and len(last) > 1) and not last.startswith("xn--"):
        return False
    return last not in _FILES and not address.startswith("git@")


def is_labelled(match: re.Match[str]) -> bool:
    """Whether the word before a number is one of its own: a hotel is no telephone."""
    return not match.string[match.start() - 1 : match.start()].isalpha()


def is_international(match: re.Match[str]) -> bool:
    """Digits without a gap are a number of something else more often: those are phone numbers from ten digits on."""
    number = match[0]
    digits = sum(map(str.isdigit, number))
    gaps = len(number) - digits - (number[0] == "+")
    if number[0] != "+":
        return gaps > 0 and digits > 10
    return gaps > 0 or digits > 9
