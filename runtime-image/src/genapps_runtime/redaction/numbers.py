# SPDX-License-Identifier: Apache-2.0
"""Numbers that say who somebody is or where their money lies: told by their checksum, or by their form alone."""

import re
from collections.abc import Iterator

Span = tuple[int, int, str]
"""Begin and end of what goes, and its kind."""

_CHAIN = re.compile(r"[0-9]++(?:[ .-][0-9]++)*+")
_CARD_DIGITS = range(13, 20)
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""Digits doubled, and the digits of what that gives added."""
_IBAN_COUNTRY = re.compile(r"(?<=[A-Za-z]{2})[0-9]{2}(?=[ -]?[0-9A-Za-z])")
_IBAN_LONGEST = 42
"""34 characters and the blanks between groups of four."""
# Length of an IBAN by country, as registered with SWIFT.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_PHONE_FORMS = frozenset(
    {(3, 3, 2, 2), (2, 2, 2, 2, 2), (3, 4, 4), (3, 3, 4), (3, 7), (5, 6), (4, 6), (4, 7), (4, 8), (5, 3, 3), (4, 3, 4)}
)
"""Groups of digits of a national number with a leading 0."""
_UNITED_STATES = (3, 3, 4)
_SSN, _CPF = (3, 2, 4), (3, 3, 3, 2)
_AHV = ((13,), (3, 4, 4, 2))
_NIR = ((15,), (1, 2, 2, 2, 3, 3, 2))
_LONG_CARD = (4, 4, 4, 4, 3)
_FORMS = frozenset((*_PHONE_FORMS, _SSN, _CPF, *_AHV, *_NIR, _LONG_CARD))
"""Groups of digits that are looked at, beside those of at least four digits each."""
_BEGINNINGS = frozenset(form[:size] for form in _FORMS for size in range(1, len(form) + 1))


def numbers(text: str) -> Iterator[Span]:
    """Cards, national ids and national phone numbers in the text."""
    for chain in _CHAIN.finditer(text):
        begin, end = chain.span()
        if end - begin < 9:
            continue
        groups = [(match.start() + begin, match.end() + begin) for match in re.finditer("[0-9]+", chain[0])]
        if text[begin - 1 : begin].isalpha():
            del groups[0]
        if groups and text[end : end + 1].isalpha():
            del groups[-1]
        yield from _in_chain(text, groups)


def ibans(text: str) -> Iterator[Span]:
    """Account numbers of the right length for their country whose check digits are right."""
    for match in _IBAN_COUNTRY.finditer(text):
        begin = match.start() - 2
        length = _IBAN_LENGTHS.get(text[begin : begin + 2].upper())
        if length is None or text[begin - 1 : begin].isalnum():
            continue
        end = _end_of(text, begin, length)
        if end and not text[end : end + 1].isalnum():
            plain = re.sub("[ -]", "", text[begin:end]).upper()
            if plain.isascii() and int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1:
                yield begin, end, "iban"


def _end_of(text: str, begin: int, length: int) -> int:
    """Where `length` letters and digits end, with at most one blank or hyphen between two of them; 0 for nowhere."""
    found, gap = 0, False
    for place in range(begin, min(len(text), begin + _IBAN_LONGEST)):
        character = text[place]
        if character.isalnum():
            found, gap = found + 1, False
            if found == length:
                return place + 1
        elif character not in " -" or gap:
            return 0
        else:
            gap = True
    return 0


def _in_chain(text: str, groups: list[tuple[int, int]]) -> Iterator[Span]:
    """What is in groups of digits between which there is one blank, dot or hyphen each."""
    first = 0
    while first < len(groups):
        found = _beginning(text, groups, first)
        if found:
            last, kind = found
            yield groups[first][0], groups[last][1], kind
            first = last
        first += 1


def _beginning(text: str, groups: list[tuple[int, int]], first: int) -> tuple[int, str] | None:
    """The last group and the kind of the longest number that begins with the group `first`."""
    begin = groups[first][0]
    if first and text[begin - 1] != " ":
        return None
    found = None
    total, form = 0, tuple[int, ...]()
    for last in range(first, len(groups)):
        left, right = groups[last]
        total += right - left
        form += (right - left,)
        if total > _CARD_DIGITS[-1] or not (form in _BEGINNINGS or min(form) >= 4):
            break
        ends = last + 1 == len(groups) or text[right] == " "
        if ends and (form in _FORMS or (total in _CARD_DIGITS and min(form) >= 4)):
            pieces = [text[left:right] for left, right in groups[first : last + 1]]
            gaps = "".join(text[groups[one][1]] for one in range(first, last))
            kind = _kind("".join(pieces), form, gaps, whole=first == 0 and last + 1 == len(groups))
            if kind:
                found = last, kind
    return found


def _kind(digits: str, form: tuple[int, ...], gaps: str, *, whole: bool) -> str | None:
    if form == _CPF:
        return "national-id" if gaps == "..-" and _is_cpf(digits) else None
    if len(set(gaps)) > 1:
        return None
    if form == _SSN:
        return "national-id" if gaps == "--" and _is_ssn(digits) else None
    if (form in _AHV and _is_ahv(digits)) or (form in _NIR and _is_nir(digits)):
        return "national-id"
    if len(digits) in _CARD_DIGITS and _is_card(digits):
        return "card"
    return "phone" if whole and _is_phone(digits, form, gaps) else None


def _is_card(digits: str) -> bool:
    """By the ranges of the large networks, their lengths, and Luhn."""
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        known = length in (13, 16, 19)
    elif 51 <= two <= 55 or 2221 <= four <= 2720:
        known = length == 16
    elif two in (34, 37):
        known = length == 15
    elif two in (36, 38, 39) or 3000 <= four <= 3059:
        known = length == 14
    else:
        known = length >= 16 and (two in (50, 62, 63, 65, 67) or four == 6011 or 6440 <= four <= 6499 or two == 35)
    return known and len(set(digits)) > 1 and _luhn(digits)


def _luhn(digits: str) -> bool:
    return sum(map(int, digits[-1::-2] + digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def _is_ahv(digits: str) -> bool:
    """A Swiss social security number: EAN-13 with the country's prefix."""
    return digits.startswith("756") and _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def _is_ssn(digits: str) -> bool:
    """A social security number of the United States has no check digit, but rules."""
    area = digits[:3]
    return area not in {"000", "666"} and area < "900" and digits[3:5] != "00" and digits[5:] != "0000"


def _is_nir(digits: str) -> bool:
    """A French social security number."""
    return digits[0] in "12" and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _is_cpf(digits: str) -> bool:
    """A Brazilian taxpayer number, in its written form."""
    if len(set(digits)) == 1:
        return False
    return all(_weighted(digits, range(size + 1, 1, -1)) * 10 % 11 % 10 == int(digits[size]) for size in (9, 10))


def _weighted(digits: str, weights: "range | tuple[int, ...]") -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _is_phone(digits: str, form: tuple[int, ...], gaps: str) -> bool:
    if not gaps:
        return False
    if digits[0] == "0":
        return digits[1] != "0" and form in _PHONE_FORMS
    return form == _UNITED_STATES and gaps[0] != " " and digits[0] > "1" and digits[3] > "1"
