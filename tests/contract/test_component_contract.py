# SPDX-License-Identifier: Apache-2.0
"""Components: what the operator lets through, how it passes them on, and what the runtime has room for."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from genapps.api.bundles import COMPONENT_BYTES, FILE_BYTES
from genapps.api.digests import bundle_digest
from genapps.controller.settings import Settings as OperatorSettings
from genapps.core.code.component import scan_component
from genapps.core.desired.parts import PART_BYTES, pieces_of
from genapps.core.desired.pod import RUNTIME_MEMORY
from genapps.core.ephemeral_storage import TMP_BYTES
from genapps_runtime import component_bundle
from genapps_runtime.bundle import read_bundle
from genapps_runtime.guest.component.machine_code import COMPILER_BYTES, MACHINE_CODE_BYTES
from genapps_runtime.settings import Settings
from genapps_runtime.termination import RefusedError
from tests.runtime.component.hostile import HEADER, NOT_READ, Make

WORKER_BYTES = 56 * 2**20
"""What supervisor and worker have while the compiler runs; `test_component_apps.py` measures it."""


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in NOT_READ], ids=[row[0] for row in NOT_READ])
def test_what_the_runtime_does_not_take_the_operator_refuses_with_its_words(make: Make, words: str) -> None:
    problem = scan_component("app.wasm", {"app.wasm": make()})
    assert problem is not None
    assert re.search(words, problem.message, re.IGNORECASE)


def test_both_take_the_largest_component_and_leave_the_rest_to_the_compiler() -> None:
    assert scan_component("app.wasm", {"app.wasm": HEADER.ljust(COMPONENT_BYTES, b"\0")}) is None
    assert component_bundle.COMPONENT_BYTES == COMPONENT_BYTES


def test_an_entry_of_another_suffix_is_refused() -> None:
    problem = scan_component("app.js", {"app.js": HEADER})
    assert problem is not None
    assert problem.message == "The entry app.js is not a component. Name a file that ends in .wasm."


@pytest.mark.parametrize("size", [FILE_BYTES, FILE_BYTES + 1, 2 * PART_BYTES, COMPONENT_BYTES])
def test_pieces_of_the_operator_are_a_whole_for_the_runtime(size: int, tmp_path: Path) -> None:
    files = {"app.wasm": bytes(range(256)) * (size // 256) + bytes(size % 256), "words.txt": b"a"}
    pieces = pieces_of(files)
    assert len(pieces) == 2 if size == FILE_BYTES else len(pieces) > 2
    for path, piece in pieces.items():
        assert piece.end - piece.begin <= (FILE_BYTES if path == piece.file else PART_BYTES)
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(files[piece.file][piece.begin : piece.end])
    digest = bundle_digest("app.wasm", files)
    assert read_bundle(str(tmp_path), "app.wasm", digest, in_pieces=True).files == files
    if len(pieces) > 2:
        with pytest.raises(RefusedError, match="the code has digest"):
            read_bundle(str(tmp_path), "app.wasm", digest)


def test_the_pod_has_room_and_time_for_what_the_runtime_allows() -> None:
    assert MACHINE_CODE_BYTES < TMP_BYTES
    assert COMPILER_BYTES + WORKER_BYTES <= RUNTIME_MEMORY
    [patience] = [field.default for field in fields(OperatorSettings) if field.name == "progress_deadline_seconds"]
    assert isinstance(patience, float)
    assert Settings.compile_seconds < patience
    assert Path(Settings.machine_code_directory).parent == Path("/tmp")
