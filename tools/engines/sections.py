# SPDX-License-Identifier: Apache-2.0
"""WebAssembly modules and components as lists of sections, each with its number and content."""

from collections.abc import Iterable, Iterator

HEAD_BYTES = 8
MEMORY, DATA, DATA_COUNT, CUSTOM = 5, 11, 12, 0
CORE_MODULE = 1
"""The section of a component that holds a module."""


def sections(binary: bytes) -> Iterator[tuple[int, bytes]]:
    """The sections of a binary, in order."""
    at = HEAD_BYTES
    while at < len(binary):
        kind = binary[at]
        size, at = _read(binary, at + 1)
        yield kind, binary[at : at + size]
        at += size


def joined(head: bytes, parts: Iterable[tuple[int, bytes]]) -> bytes:
    """The binary with the head of another one and these sections."""
    return head[:HEAD_BYTES] + b"".join(bytes([kind]) + unsigned(len(content)) + content for kind, content in parts)


def unsigned(number: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def signed(number: int) -> bytes:
    """LEB128 with a sign; `number` is not negative."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        if not number and not low & 0x40:
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def _read(binary: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = binary[at]
        number, shift, at = number | (byte & 0x7F) << shift, shift + 7, at + 1
        if not byte & 0x80:
            return number, at
