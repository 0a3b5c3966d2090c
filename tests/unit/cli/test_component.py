# SPDX-License-Identifier: Apache-2.0
"""Components on the command line: bundled, digested and checked like code, and their ConfigMap is what the operator
reads."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from genapps.api.bundles import COMPONENT_BYTES
from genapps.api.digests import bundle_digest
from genapps.api.source import Code, ImageSource
from genapps.cli.main import main
from genapps.core.code.source import from_image, source_of
from genapps.core.observed import Bundle, SourceProblem

COMPONENT = b"\0asm\x0d\0\x01\0" + bytes(range(256))
MODULE = b"\0asm\x01\0\0\0"
IMAGE = ImageSource.model_validate({"reference": "registry.example/finance/app@sha256:" + "a" * 64})


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def code(language: str) -> Code:
    return Code.model_validate({"language": language, "source": {"image": IMAGE.model_dump()}})


def test_a_component_becomes_a_configmap_that_the_operator_reads(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.wasm").write_bytes(COMPONENT)
    told = run("bundle", folder, "-o", tmp_path / "map.yaml", "--form", "configmap", "--name", "mine")
    assert told.exit_code == 0, told.output
    found = Code.model_validate(yaml.safe_load(told.output.partition("spec:\n")[2])["code"])
    bundle = source_of(found, yaml.safe_load((tmp_path / "map.yaml").read_text()))
    assert bundle == Bundle("app.wasm", {"app.wasm": COMPONENT})
    assert (found.language, found.digest) == ("component", bundle_digest("app.wasm", {"app.wasm": COMPONENT}))
    assert run("digest", folder / "app.wasm").output.split()[0] == found.digest
    assert run("check", tmp_path / "map.yaml").output == run("check", folder).output == "Nothing found.\n"


@pytest.mark.parametrize("content", [MODULE, b"(component)", b""])
def test_what_is_no_component_is_found_before_it_is_applied(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "app.wasm").write_bytes(content)
    bundle = "bundle", tmp_path, "-o", tmp_path / "out"
    for command in (("check", tmp_path / "app.wasm"), ("check", tmp_path), bundle):
        told = run(*command)
        assert (told.exit_code, "component" in told.output) == (1, True), told.output
    assert not (tmp_path / "out").exists()


def test_a_component_that_no_source_could_hold(tmp_path: Path) -> None:
    file = tmp_path / "app.wasm"
    file.write_bytes(COMPONENT.ljust(COMPONENT_BYTES, b"\0"))
    assert run("check", file).exit_code == 0
    file.write_bytes(COMPONENT.ljust(COMPONENT_BYTES + 1, b"\0"))
    assert f"{COMPONENT_BYTES + 1} bytes" in run("check", file).output


def test_only_the_component_of_an_image_may_be_larger_than_other_files() -> None:
    large = COMPONENT.ljust(COMPONENT_BYTES, b"\0")
    assert isinstance(from_image(code("component"), IMAGE, None, {"app.wasm": large}), Bundle)
    for language, files in (
        ("component", {"app.wasm": COMPONENT, "more.wasm": large}),
        ("python", {"app.py": b"", "more.wasm": large}),
    ):
        found = from_image(code(language), IMAGE, None, files)
        assert isinstance(found, SourceProblem)
        assert (found.reason, "more.wasm with 4194304 bytes" in found.message) == ("SourceTooLarge", True)
