# SPDX-License-Identifier: Apache-2.0
"""Which interpreters may be compared."""

import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.figures import NotMeasuredError
from bench.interpreter import Interpreter, build_of, chosen, described
from bench.server import Server

OPTIMISED = Interpreter(("python3",), "the images", "CPython", "3.13.5", "PGO and LTO", "")
PLAIN = replace(OPTIMISED, build="not optimised")
OLDER = replace(OPTIMISED, version="3.12.3")


@pytest.mark.parametrize(
    ("configured", "schemes", "build"),
    [
        ("'--enable-shared'", ["posix_prefix"], "not optimised"),
        ("", [], "not optimised"),
        ("'--with-lto'", ["posix_prefix"], "not optimised"),
        ("'--enable-optimizations'", ["posix_prefix"], "PGO"),
        ("'--enable-optimizations' '--with-lto'", ["posix_prefix"], "PGO and LTO"),
        ("'--enable-shared'", ["deb_system", "posix_prefix"], "PGO and LTO"),
    ],
)
def test_a_build_is_told_by_its_configuration_and_debians_by_its_scheme(
    configured: str, schemes: list[str], build: str
) -> None:
    assert build_of(configured, schemes) == build


@pytest.mark.parametrize(
    ("interpreter", "said"),
    [
        (OPTIMISED, "PGO and LTO (as Debian builds it)"),
        (PLAIN, "not optimised (no --enable-optimizations)"),
        (replace(OPTIMISED, flags="'--with-lto=thin' '--enable-optimizations'"), "--enable-optimizations --with-lto)"),
    ],
)
def test_an_interpreter_says_what_its_build_is_known_from(interpreter: Interpreter, said: str) -> None:
    assert str(interpreter).startswith("CPython 3.13.5 of the images, ")
    assert str(interpreter).endswith(said)


async def test_an_interpreter_is_asked_itself() -> None:
    made = await described((sys.executable,), "this environment")
    assert (made.version, made.implementation) == (platform.python_version(), platform.python_implementation())


async def test_a_program_that_does_not_run_is_no_interpreter(tmp_path: Path) -> None:
    with pytest.raises(NotMeasuredError, match="the Python of nobody does not run"):
        await described((str(tmp_path / "python"),), "nobody")
    with pytest.raises(NotMeasuredError, match="does not run: broken"):
        await described(("sh", "-c", "echo broken >&2; exit 1"), "nobody")


def program(version: str, configured: str = "") -> tuple[str, ...]:
    """A command that says of itself what an interpreter would."""
    told = {"implementation": "CPython", "version": version, "configured": configured, "schemes": []}
    return ("sh", "-c", f"echo '{json.dumps(told)}'")


@pytest.mark.parametrize("version", ["3.10.14", "3.9.1"])
async def test_an_interpreter_older_than_3_11_is_refused(version: str) -> None:
    with pytest.raises(NotMeasuredError, match=rf"is {version}, and 3\.11 is needed"):
        await described(program(version), "somebody")
    assert (await described(program("3.11.0"), "somebody")).release == "3.11"


def missing() -> tuple[str, ...]:
    raise NotMeasuredError("the images' Python: no mirror")


async def test_the_first_optimised_interpreter_is_chosen_and_what_failed_is_noted() -> None:
    plain, fast = program("3.12.1"), program("3.11.2", "--enable-optimizations")
    notes: list[str] = []
    among = [("the images", missing), ("this environment", lambda: plain), ("this system", lambda: fast)]
    assert (await chosen(among, notes.append)).origin == "this system"
    assert notes == ["the images' Python: no mirror"]


async def test_where_none_is_optimised_the_first_that_runs_is_chosen() -> None:
    plain, other = program("3.12.1"), program("3.11.2")
    among = [("the images", missing), ("this environment", lambda: plain), ("this system", lambda: other)]
    made = await chosen(among, lambda _: None)
    assert (made.origin, made.optimised) == ("this environment", False)
    with pytest.raises(NotMeasuredError, match="no Python that runs"):
        await chosen([("the images", missing)], lambda _: None)


@pytest.mark.parametrize(
    ("ours", "other", "reason"),
    [
        (OPTIMISED, OPTIMISED, ""),
        (OPTIMISED, replace(OPTIMISED, version="3.13.9"), ""),
        (OPTIMISED, None, ""),
        (OPTIMISED, OLDER, "genapps ran on CPython 3.13, PGO and LTO, it on CPython 3.12, PGO and LTO"),
        (OPTIMISED, PLAIN, "it ran on a Python that is not optimised"),
        (PLAIN, None, "genapps ran on a Python that is not optimised"),
        (PLAIN, PLAIN, "genapps ran on a Python that is not optimised"),
    ],
)
def test_only_servers_on_one_optimised_kind_of_interpreter_are_compared(
    ours: Interpreter, other: Interpreter | None, reason: str
) -> None:
    assert Server("genapps", 1, 1, ours).unlike(Server("it", 2, 2, other)) == reason
