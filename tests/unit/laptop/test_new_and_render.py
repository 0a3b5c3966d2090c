# SPDX-License-Identifier: Apache-2.0
"""What `genapps new` writes is an app, and `genapps render` prints what kubectl applies."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from genapps.api.digests import bundle_digest
from genapps.cli.check.command import check
from genapps.cli.check.documents import parse
from genapps.cli.check.inputs import Inputs
from genapps.cli.main import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize(("language", "entry"), [("python", "app.py"), ("javascript", "app.js")])
def test_a_new_app_is_rendered_as_the_operator_takes_it(language: str, entry: str, here: Path) -> None:
    assert said("new", "greeter", "--language", language).splitlines()[-1].startswith("To run it: genapps dev greeter.")
    text = said("render", "greeter", "--namespace", "finance", "--budget", "finance", "--tier", "large")
    (found,) = yaml.safe_load_all(text)
    code = (here / "greeter" / "app" / entry).read_bytes()
    assert found["metadata"] == {"name": "greeter", "namespace": "finance"}
    assert (found["spec"]["budget"], found["spec"]["tier"]) == ("finance", "large")
    assert found["spec"]["code"] == {
        "language": language,
        "digest": bundle_digest(entry, {entry: code}),
        "source": {"inline": code.decode()},
    }
    assert said("render", "greeter", "--namespace", "finance", "--budget", "finance", "--tier", "large") == text
    assert check(Inputs(parse("x", text.encode())), None, "")[0] == []


def test_code_of_several_files_is_in_a_config_map_that_the_app_names(here: Path) -> None:
    folder = here / "Two Files"
    (folder / "inner").mkdir(parents=True)
    (folder / "app.py").write_text("from inner import a\n")
    (folder / "inner" / "a.py").write_text("x = 1\n")
    text = said("render", str(folder), "--namespace", "finance")
    config_map, app = yaml.safe_load_all(text)
    assert config_map["metadata"]["namespace"] == "finance"
    assert app["spec"]["code"]["source"]["configMap"]["name"] == config_map["metadata"]["name"] == "two-files-app"
    assert check(Inputs(parse("x", text.encode())), None, "")[0] == []


def test_what_cannot_be_an_app_is_not_rendered(here: Path) -> None:
    (here / "app.py").write_text("import requests\n")
    assert "app.py:1: ModuleNotAvailable" in said("render", "app.py", code=1)
    (here / "x.yaml").write_text("a: 1\n")
    assert "is a manifest already" in said("render", "x.yaml", code=1)
    (here / "big").mkdir()
    (here / "big" / "app.py").write_text("x = 1\n")
    for number in range(2):
        (here / "big" / f"{number}.txt").write_text("x" * 700_000)
    assert "maximum of a ConfigMap is 1048576" in said("render", "big", code=1)
    (here / "big" / "2.txt").write_text("x" * 1_100_000)
    assert "maximum of a file is 1048576" in said("render", "big", code=1)


@pytest.mark.parametrize("name", ["Greeter", "-a", "a-", "a_b", "a.b", "a" * 64, ".", "gr\u00fc\u00df"])
def test_a_name_that_no_app_can_have_is_refused(name: str, here: Path) -> None:
    assert "is no name of an app" in said("new", "--", name, code=1)
    assert list(here.iterdir()) == []


def test_a_folder_that_is_there_or_cannot_be_made_is_refused_and_left_alone(here: Path) -> None:
    (here / "there").mkdir()
    assert "there exists: name another folder" in said("new", "there", code=1)
    assert list((here / "there").iterdir()) == []
    assert "gone: there is no such folder; make it first" in said("new", "gone/app", code=1)
    assert said("new", "a" * 63).count("\n") == 4


@pytest.mark.parametrize("option", ["namespace", "budget", "tier"])
def test_what_is_no_name_is_not_rendered(option: str) -> None:
    said("new", "greeter")
    assert f"'B@d' is no name of a {option}" in said("render", "greeter", f"--{option}", "B@d", code=1)
