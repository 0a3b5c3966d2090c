# SPDX-License-Identifier: Apache-2.0
"""Which Python the measured servers run on: the images' own where that is possible, and the same one for all of them.

A CPython built without profile-guided and link-time optimisation runs the same code a sixth slower. Figures of two
kinds of build are never divided by each other.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.figures import NotMeasuredError
from bench.image_root import image_python

Build = Literal["PGO and LTO", "PGO", "not optimised"]

_OLDEST = (3, 11)
_FLAGS = ("--enable-optimizations", "--with-lto")
_SYSTEM = "/usr/bin/python3"
_PROBE = """\
import json, platform, sysconfig
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "configured": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "schemes": sysconfig.get_scheme_names(),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python. `command` are the first words of a command line that runs on it; `origin` says whose it is, `flags`
    how its build was configured (sysconfig's CONFIG_ARGS)."""

    command: tuple[str, ...]
    origin: str
    implementation: str
    version: str
    build: Build
    flags: str

    @property
    def release(self) -> str:
        """Its version without the patch: `3.13`."""
        return ".".join(self.version.split(".")[:2])

    @property
    def kind(self) -> str:
        """What two servers must have in common to be compared."""
        return f"{self.implementation} {self.release}, {self.build}"

    @property
    def optimised(self) -> bool:
        """Whether it is fit to be measured: built with profile-guided optimisation."""
        return self.build != "not optimised"

    @property
    def evidence(self) -> str:
        """What says so."""
        flags = [flag for flag in _FLAGS if flag in self.flags]
        if self.optimised and not flags:
            return "as Debian builds it"
        return " ".join(flags) or f"no {_FLAGS[0]}"

    def __str__(self) -> str:
        return f"{self.implementation} {self.version} of {self.origin}, {self.build} ({self.evidence})"


def build_of(configured: str, schemes: Sequence[str]) -> Build:
    """The build, from sysconfig's CONFIG_ARGS and the names of its installation schemes."""
    # Debian's and Ubuntu's packages have a scheme of their own. They are made with `make profile-opt` and flags for LTO
    # that configure does not record.
    if "deb_system" in schemes:
        return "PGO and LTO"
    profiled, linked = (flag in configured for flag in _FLAGS)
    if not profiled:
        return "not optimised"
    return "PGO and LTO" if linked else "PGO"


async def described(command: Sequence[str], origin: str) -> Interpreter:
    """The interpreter behind a command. Raises NotMeasuredError when it does not run, or is too old."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, "-I", "-c", _PROBE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise NotMeasuredError(f"the Python of {origin} does not run: {error}") from None
    output, errors = await process.communicate()
    if process.returncode:
        raise NotMeasuredError(f"the Python of {origin} does not run: {errors.decode(errors='replace').strip()}")
    return _interpreter(command, origin, json.loads(output))


def _interpreter(command: Sequence[str], origin: str, told: Mapping[str, Any]) -> Interpreter:
    made = Interpreter(
        tuple(command),
        origin,
        told["implementation"],
        told["version"],
        build_of(told["configured"], told["schemes"]),
        told["configured"],
    )
    if tuple(int(part) for part in made.release.split(".")) < _OLDEST:
        raise NotMeasuredError(f"the Python of {origin} is {made.version}, and 3.11 is needed")
    return made


Candidate = tuple[str, Callable[[], tuple[str, ...]]]
"""Whose Python it is, and a function that makes it ready and returns its command. It may raise NotMeasuredError."""


def candidates(cache: Path) -> list[Candidate]:
    """In the order of preference: the images', this environment's, the system's."""
    return [
        ("the images", lambda: image_python(cache)),
        ("this environment", lambda: (sys.executable,)),
        ("this system", lambda: (_SYSTEM,)),
    ]


async def chosen(among: Sequence[Candidate], note: Callable[[str], None]) -> Interpreter:
    """The first that is optimised, else the first that runs. Notes which could not be used.

    Raises NotMeasuredError when none runs."""
    running: list[Interpreter] = []
    for origin, prepare in among:
        try:
            made = await described(await asyncio.to_thread(prepare), origin)
        except NotMeasuredError as reason:
            note(str(reason))
            continue
        if made.optimised:
            return made
        running.append(made)
    if not running:
        raise NotMeasuredError("no Python that runs was found")
    return running[0]
