# SPDX-License-Identifier: Apache-2.0
"""The forms of what is secret or personal, other than those made of digits (`numbers`).

The texts are hostile: no pattern goes back over an unbounded part that it has read, so the work grows with the length
of the text and no faster (tests/unit/redaction counts it).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from .checks import (
    is_authorization,
    is_email,
    is_international,
    is_labelled,
    is_secret_value,
    is_userinfo,
    is_vendor_key,
)

NAMES = (
    r"pass(?:word|wd|phrase|code)s?|pwd(?<![a-z]pwd)|secrets?(?:[_-]?(?:access[_-]?)?key)?|credentials?|authorization"
    r"|(?:api|access|account|private|signing|encryption|auth|master)[_-]?key|token|j?session[_-]?id|phpsessid"
    r"|(?:cvv|cvc|ssn|sig|otp)(?<![a-z]...)2?|signature"
)
"""The ends of names whose values are secret."""

_VENDORS = (
    "akia asia gh github_pat_ glpat- xox xapp- aiza ya29. gocspx- sk- k_live_ k_test_ whsec_ npm_ pypi- hf_ sg. "
    "slack.com/services/"
)
"""What the keys of some platforms begin with."""


@dataclass(frozen=True)
class Rule:
    """`kind` is what the marker says. `hints` are texts in lower case, of which one must be there before the pattern is
    tried. The last group of the pattern, or all of it, is what goes, if `check` agrees. `lower` says that the pattern
    is for the text in lower case: that is quicker than a pattern that ignores the case.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: str
    check: Callable[[re.Match[str]], bool] | None = None
    lower: bool = False

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """Compiled when it is first needed: a worker should start fast, and few need all."""
        return re.compile(self.pattern)


RULES = (
    Rule(
        "private-key",
        ("private key",),
        r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?s:.*?)(?:-----END[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,8}-----|\Z)",
    ),
    Rule("jwt", ("eyj",), r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{12,}+(?:\.[A-Za-z0-9_-]*+){0,4}"),
    Rule(
        "token",
        ("bearer", "basic"),
        r"(?i)(?<![a-z])(?:bearer|basic)\s{1,3}[\"']?([a-z0-9._~+/=-]{6,}+)",
        is_authorization,
    ),
    Rule(
        "cookie",
        ("cookie",),
        r"cookie\\?[\"']?\s{0,3}[:=,]\s{0,3}b?\\?[\"']?([\w!#$%&*+.^|~-]++=[^;\s\"',\\]*+"
        r"(?:;\s?[\w!#$%&*+.^|~-]++(?:=[^;\s\"',\\]*+)?)*+)",
        lower=True,
    ),
    Rule(
        "secret",
        ("pass", "pwd", "secret", "key", "token", "credential", "authorization", "sess", "cv", "ssn", "sig", "otp"),
        rf"(?:{NAMES})\\{{0,3}}[\"']?\s{{0,3}}(?:[:=]>?|,(?=\s?b?[\"']))\s{{0,3}}(?:(?:bearer|basic|digest)\s{{1,2}})?"
        r"(?:b?(?P<quote>\\{0,3}[\"'])(?P<quoted>(?s:(?!(?P=quote))(?:\\.|.))*+)|(?P<bare>[^\s\"'&,;<>(){}\[\]]++))",
        is_secret_value,
        lower=True,
    ),
    Rule("credentials", ("://",), r"(?<=://)([^\s/?#@\"'<>]*+(?:@[^\s/?#@\"'<>]*+(?=@))*+)@", is_userinfo),
    Rule(
        "api-key",
        tuple(_VENDORS.split()),
        r"(?<![A-Za-z0-9])(?:A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])|gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_\w{22,}+"
        r"|glpat-[\w-]{20,}+|xox[a-z]-[\w-]{10,}+|xapp-[\w-]{10,}+|AIza[\w-]{35}|ya29\.[\w-]{20,}+|GOCSPX-[\w-]{20,}+"
        r"|sk-[\w-]{20,}+|[rs]k_(?:live|test)_\w{10,}+|whsec_[\w+/=]{16,}+|npm_[A-Za-z0-9]{30,}+|pypi-[\w-]{40,}+"
        r"|hf_[A-Za-z0-9]{30,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+|slack\.com/services/[\w/]{20,}+)",
        is_vendor_key,
    ),
    Rule("email", ("@", "%40"), r"(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++", is_email),
    Rule(
        "phone",
        ("+", "00"),
        r"(?<![0-9A-Za-z+.])(?<![0-9][ -])(?:\+|00)[1-9](?:[ ()./-]{0,2}[0-9]){7,14}+(?![0-9A-Za-z])",
        is_international,
    ),
    Rule("phone", (")",), r"\([2-9][0-9]{2}\)[ .-]?[2-9][0-9]{2}[ .-][0-9]{4}(?![0-9])"),
    Rule(
        "phone",
        ("tel", "phone", "mobil", "handy", "natel", "fax", "whatsapp"),
        r"(?:tel|telephone|telefon|phone|mobile|mobil|handy|natel|fax|whatsapp)"
        r"(?:[ _-]?(?:no|nr|number))?[\"'. ]{0,3}[:=]?[\"' ]{0,3}(\+?[(]?[0-9](?:[ ()./-]{0,2}[0-9]){6,14}+)"
        r"(?![0-9a-z])",
        is_labelled,
        lower=True,
    ),
)
