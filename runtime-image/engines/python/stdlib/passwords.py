# SPDX-License-Identifier: Apache-2.0
"""`hashlib.pbkdf2_hmac`, which CPython has from OpenSSL only."""

import hashlib
import hmac


def pbkdf2_hmac(hash_name: str, password: bytes, salt: bytes, iterations: int, dklen: int | None = None) -> bytes:
    """The key of RFC 8018. Raises ValueError for an unknown algorithm, and for numbers below 1."""
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if dklen is None:
        dklen = hashlib.new(hash_name).digest_size
    if dklen < 1:
        raise ValueError("key length must be greater than 0.")
    size = hashlib.new(hash_name).block_size
    key = hashlib.new(hash_name, password).digest() if len(password) > size else bytes(password)
    key = key.ljust(size, b"\0")
    inner = hashlib.new(hash_name, bytes(byte ^ 0x36 for byte in key)).copy
    outer = hashlib.new(hash_name, bytes(byte ^ 0x5C for byte in key)).copy
    blocks = b""
    while len(blocks) < dklen:
        number = len(blocks) // hmac.new(b"", digestmod=hash_name).digest_size + 1
        piece = bytes(salt) + number.to_bytes(4, "big")
        block = 0
        for _ in range(iterations):
            within, around = inner(), outer()
            within.update(piece)
            around.update(within.digest())
            piece = around.digest()
            block ^= int.from_bytes(piece, "big")
        blocks += block.to_bytes(len(piece), "big")
    return blocks[:dklen]


def install() -> None:
    """Put it where apps look for it."""
    if not hasattr(hashlib, "pbkdf2_hmac"):
        hashlib.pbkdf2_hmac = pbkdf2_hmac  # type: ignore[assignment]
