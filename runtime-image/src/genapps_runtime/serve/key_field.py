# SPDX-License-Identifier: Apache-2.0
"""The field `Idempotency-Key`: a string of RFC 9651 as the IETF's draft has it (`"8e03978e"`), or the key as it is, as
most clients send it. Both forms of a key are the same key.
"""

from genapps_runtime.problems import ProblemError

KEY_CHARACTERS = 128
OWN = "\x00"
"""What keys begin with that the runtime makes: no caller can send one."""
_QUOTE, _ESCAPE = 0x22, 0x5C


def key_of(value: bytes) -> str:
    """The key in a field of this value, without blanks around it. Raises ProblemError (RequestInvalid)."""
    key = _unquoted(value) if value[:1] == b'"' else value
    if not 0 < len(key) <= KEY_CHARACTERS or not all(0x20 <= byte < 0x7F for byte in key):
        detail = f"Idempotency-Key must have 1 to {KEY_CHARACTERS} printable ASCII characters"
        raise ProblemError("RequestInvalid", detail)
    return key.decode("ascii")


def _unquoted(value: bytes) -> bytes:
    """What stands between the quotes; only quotes and backslashes are escaped there."""
    found = bytearray()
    octets = iter(value[1:])
    for octet in octets:
        if octet == _QUOTE:
            if next(octets, None) is not None:
                raise ProblemError("RequestInvalid", "Idempotency-Key has something behind its closing quote")
            return bytes(found)
        if octet == _ESCAPE:
            octet = next(octets, 0)
            if octet not in (_QUOTE, _ESCAPE):
                raise ProblemError("RequestInvalid", "Idempotency-Key escapes what is no quote and no backslash")
        found.append(octet)
    raise ProblemError("RequestInvalid", "Idempotency-Key has no closing quote")
