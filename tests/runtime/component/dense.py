# SPDX-License-Identifier: Apache-2.0
"""Components of a given size that are code almost to the last byte, as a compiler of a language leaves it."""

import random

from tests.runtime.component.scripted import bare

STEPS = (
    "local.get 0 i32.const {number} i32.add local.set 0",
    "local.get 0 i32.load offset={offset} local.set 1",
    "local.get 0 local.get 1 i32.store offset={offset}",
    "local.get 1 local.get 0 i32.rotl local.set 2",
    "local.get 2 if local.get 0 call $first local.set 1 end",
    "block block local.get 0 br_table 0 1 0 1 end local.get 1 i32.clz local.set 2 end",
    "local.get 0 local.get 2 i32.mul local.get 1 i32.xor local.set 0",
    "local.get 1 i32.const 3 i32.shr_u local.set 0",
)
STEPS_EACH = 60
FUNCTION_BYTES = 603
"""Of one function, at most, in the mean of many: what is left is filled up."""


def dense(size: int) -> bytes:
    """A component of our world that has `size` bytes, of at least 64 KiB: functions, calls, memory, branches."""
    chance = random.Random(1)  # the same component each time
    functions = (
        f"(func {name} (param i32) (result i32) (local i32 i32) {_steps(chance)} local.get 0)"
        for name in ("$first", *[""] * (size // FUNCTION_BYTES - 3))
    )
    return filled(bare(" ".join(functions)), size)


def filled(component: bytes, size: int) -> bytes:
    """The component with a section at its end that nobody reads, so that it has `size` bytes."""
    left = size - len(component)
    assert 8 <= left < 2**21
    content = b"\x03pad".ljust(left - 4, b"\0")
    size_of = len(content)
    return component + bytes((0, size_of & 127 | 128, size_of >> 7 & 127 | 128, size_of >> 14)) + content


def _steps(chance: random.Random) -> str:
    return " ".join(
        chance.choice(STEPS).format(number=chance.randrange(10**6), offset=chance.randrange(4000))
        for _ in range(STEPS_EACH)
    )
