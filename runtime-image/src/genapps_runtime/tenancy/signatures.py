# SPDX-License-Identifier: Apache-2.0
"""Signatures, verified by the OpenSSL that is in this process for TLS (docs/design/0043).

The package that the gateway uses takes 8 MB of private memory in each pod and 250 ms of its start. Here are the few C
functions that verify; what they are given is bounded by `tokens` and `keys`.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

_LIBRARY = "libcrypto.so.3"
KEY_BYTES = 4096
"""Of a public key; one of 16,384 bits for RSA has half of that."""


class SignaturesUnavailableError(Exception):
    """There is no OpenSSL that can be asked."""


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """`digest` names the C function of the hash; none for EdDSA. `coordinate` is the size in bytes for ECDSA."""

    digest: str | None
    coordinate: int = 0


ALGORITHMS = {
    "RS256": _Algorithm("EVP_sha256"),
    "RS384": _Algorithm("EVP_sha384"),
    "RS512": _Algorithm("EVP_sha512"),
    "ES256": _Algorithm("EVP_sha256", 32),
    "ES384": _Algorithm("EVP_sha384", 48),
    "ES512": _Algorithm("EVP_sha512", 66),
    "EdDSA": _Algorithm(None),
}
"""What this process can verify, by the names of RFC 7518 and 8037. None of them has a shared secret."""


class PublicKey:
    """A key for one algorithm, which is the key's and never a token's choice."""

    def __init__(self, algorithm: str, content: bytes) -> None:
        """`content` is a SubjectPublicKeyInfo in DER.

        Raises ValueError for what is no key, and SignaturesUnavailableError.
        """
        self.algorithm = algorithm
        self.content = content
        self._algorithm = ALGORITHMS.get(algorithm)
        if self._algorithm is None or len(content) > KEY_BYTES:
            raise ValueError("not a key of an algorithm that is supported")
        self._library = library()
        place = ctypes.c_char_p(content)
        self._key = self._library.d2i_PUBKEY(None, ctypes.byref(place), len(content))
        if not self._key:
            self._library.ERR_clear_error()
            raise ValueError("not a public key")

    def __del__(self) -> None:
        if getattr(self, "_key", None):
            self._library.EVP_PKEY_free(self._key)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the holder of the key has signed the message."""
        assert self._algorithm is not None  # noqa: S101  checked at the beginning
        if self._algorithm.coordinate:
            if len(signature) != 2 * self._algorithm.coordinate:
                return False
            signature = _sequence(signature)
        digest = self._algorithm.digest and getattr(self._library, self._algorithm.digest)()
        context = self._library.EVP_MD_CTX_new()
        if not context:
            raise MemoryError
        try:
            begun = self._library.EVP_DigestVerifyInit(context, None, digest, None, self._key) == 1
            size, length = len(signature), len(message)
            return begun and bool(self._library.EVP_DigestVerify(context, signature, size, message, length) == 1)
        finally:
            self._library.EVP_MD_CTX_free(context)
            self._library.ERR_clear_error()  # else the module `ssl` would take our errors for those of a connection


def _sequence(signature: bytes) -> bytes:
    """Two numbers of the same size as ASN.1, which OpenSSL reads. At most 139 bytes."""
    half = len(signature) // 2
    numbers = b"".join(_integer(signature[begin : begin + half]) for begin in (0, half))
    return b"\x30" + (b"\x81" if len(numbers) > 0x7F else b"") + bytes((len(numbers),)) + numbers


def _integer(number: bytes) -> bytes:
    digits = number.lstrip(b"\0") or b"\0"
    if digits[0] & 0x80:
        digits = b"\0" + digits
    return bytes((0x02, len(digits))) + digits


@cache
def library() -> Any:
    """OpenSSL's functions; the same library that Python's `ssl` has loaded. Raises SignaturesUnavailableError."""
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    functions: dict[str, tuple[Any, list[Any]]] = {
        "d2i_PUBKEY": (pointer, [pointer, pointer, ctypes.c_long]),
        "EVP_PKEY_free": (None, [pointer]),
        "EVP_MD_CTX_new": (pointer, []),
        "EVP_MD_CTX_free": (None, [pointer]),
        "EVP_DigestVerifyInit": (number, [pointer, pointer, pointer, pointer, pointer]),
        "EVP_DigestVerify": (number, [pointer, ctypes.c_char_p, size, ctypes.c_char_p, size]),
        "ERR_clear_error": (None, []),
        **{name: (pointer, []) for name in ("EVP_sha256", "EVP_sha384", "EVP_sha512")},
    }
    try:
        loaded = ctypes.CDLL(_LIBRARY)
        for name, (returned, arguments) in functions.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = returned, arguments
    except (OSError, AttributeError) as error:
        raise SignaturesUnavailableError(f"this process cannot verify tokens: {error}") from None
    return loaded
