# SPDX-License-Identifier: Apache-2.0
"""An app in TypeScript is deployed in JavaScript: `genapps bundle` makes it, and says what it cannot."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genapps.api.digests import bundle_digest
from genapps.cli.bundles import read_bundle
from genapps.cli.main import main
from genapps.cli.typescript import files as under_test
from genapps.cli.typescript.files import files_in_javascript, name_in_javascript

APP = "import {greeting} from './lib/words.ts'\nexport default { fetch(a: Request): Response { return greeting } }\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        place = folder / name.replace("__", "/").replace("_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


def bundle(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["bundle", *map(str, arguments)])


def test_a_folder_in_typescript_becomes_a_bundle_in_javascript(tmp_path: Path) -> None:
    folder = written(
        tmp_path / "app", app_ts=APP, lib__words_ts="export const greeting: string = 'hello'\n",
        env_d_ts="interface Env {}", public__page_ts="let a: b",
    )  # fmt: skip
    told = bundle(folder, "-o", tmp_path / "out")
    assert told.exit_code == 0, told.output
    out = {file.relative_to(tmp_path / "out").as_posix(): file.read_text() for file in (tmp_path / "out").rglob("*.*")}
    assert out.keys() == {"app.js", "lib/words.js", "public/page.ts"}
    assert out["app.js"].startswith("import {greeting} from './lib/words.js'\n")
    assert out["lib/words.js"] == "export const greeting         = 'hello'\n"
    assert out["public/page.ts"] == "let a: b"
    assert "oras push REGISTRY" in told.output


def test_another_entry_and_a_config_map(tmp_path: Path) -> None:
    folder = written(tmp_path / "app", main_mts="export default {} as object\n", app_py="not Python\n")
    told = bundle(folder, "-o", tmp_path / "code.yaml", "--form", "configmap", "--entry", "main.mts")
    assert told.exit_code == 0, told.output
    assert "language: javascript" in told.output
    assert "entry: main.mjs" in told.output


def test_every_command_reads_the_same(tmp_path: Path) -> None:
    folder = written(tmp_path / "app", app_ts="\nimport a from 'axios'\nexport default {} as object\n", a_d_ts="")
    deployed = files_in_javascript({"app.ts": (folder / "app.ts").read_bytes()})
    assert read_bundle(folder) == ("app.js", deployed)
    assert read_bundle(folder, "app.js") == read_bundle(folder, "app.ts") == ("app.js", deployed)
    assert read_bundle(folder / "app.ts") == ("app.js", deployed)
    assert read_bundle(folder / "a.d.ts") == ("app.js", {"app.js": b""})
    for path in (folder, folder / "app.ts"):
        result = CliRunner().invoke(main, ["check", str(path)])
        assert result.stdout.startswith(f"{folder / 'app.ts'}:2: ModuleNotAvailable: "), result.output
    digest = CliRunner().invoke(main, ["digest", str(folder)])
    assert digest.stdout == f"{bundle_digest('app.js', deployed)}\n"


def test_files_of_an_app_in_python_stay(tmp_path: Path) -> None:
    folder = written(tmp_path / "app", app_py="", data_ts="enum A {}")
    assert bundle(folder, "-o", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "data.ts").read_text() == "enum A {}"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"app_ts": "let a: b = 1\n\nenum A {}"}, "app.ts, line 3, column 1: an enum needs code to be made"),
        ({"app_ts": "import './b'", "b_ts": ""}, "The bundle has no file b. Write ./b.js."),
        ({"app_ts": "import axios from 'axios'"}, "axios (app.js, line 1)"),
        ({"app_ts": "", "app_mjs": "", "a_ts": "", "a_js": ""}, "a.ts becomes a.js, which is there already"),
        ({"app_js": "", "a_tsx": ""}, "a.tsx cannot be made JavaScript here: JSX needs code to be made"),
        ({"app_js": "", "a_cts": ""}, "a.cts cannot be made JavaScript here: apps are ES modules"),
    ],
)
def test_what_cannot_be_made_javascript_is_refused(tmp_path: Path, files: dict[str, str], says: str) -> None:
    told = bundle(written(tmp_path / "app", **files), "-o", tmp_path / "out")
    assert (told.exit_code, says in told.output) == (1, True), told.output
    assert not (tmp_path / "out").exists()


def test_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.ts is not UTF-8 text \(byte 1\)"):
        files_in_javascript({"a.ts": b"a\xff"})


def test_the_extra_is_named_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "find_spec", lambda _: None)
    assert files_in_javascript({"a.js": b"", "a.d.ts": b""}) == {"a.js": b""}
    with pytest.raises(ValueError, match=r"pip install 'genapps\[typescript\]'"):
        files_in_javascript({"a.ts": b""})


def test_names_of_other_files_stay() -> None:
    assert [name_in_javascript(name) for name in ("a.ts", "b/c.mts", "d.js", "e.tsx", "f")] == [
        "a.js", "b/c.mjs", "d.js", "e.tsx", "f",
    ]  # fmt: skip
