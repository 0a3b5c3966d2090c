# SPDX-License-Identifier: Apache-2.0
"""`genapps check`: every form in which code and manifests come, and the exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from genapps.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
BUDGET = ROOT / "examples" / "platform.yaml"
APP = """\
# An app with code that cannot load.
apiVersion: genapps.dev/v1alpha1
kind: GeneratedApp
metadata:
  name: helper
  namespace: finance
spec:
  envelope:
    owner: {team: tools}
    riskClass: low
  code:
    language: python
    source:
      inline: |
        from genapps import app

        import numpy
  tier: small
  budget: finance
"""
GOOD = APP.replace("import numpy", "import math")
FROM_CONFIG_MAP = GOOD[: GOOD.index("      inline")] + (
    "      configMap: {name: code, entry: app.py}\n  tier: small\n  budget: finance\n"
)
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: code
  namespace: finance
  labels: {genapps.dev/source: "true"}
data:
  words.py: |
    import json
    import numpy
  app.py: |
    import words
"""


def run(*arguments: object, given: str = "") -> tuple[int, list[str]]:
    """The exit code and the lines of standard output."""
    result = CliRunner().invoke(main, ["check", *map(str, arguments)], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout.splitlines()


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_of_code(tmp_path: Path) -> None:
    path = written(tmp_path / "todo.py", "import json\nimport numpy\n")
    code, lines = run(path)
    assert code == 1
    assert lines[0].startswith(f"{path}:2: ModuleNotAvailable: ")
    assert run(written(path, "import json\n")) == (0, ["Nothing found."])


def test_a_route_that_is_refused_at_load_is_found_at_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("import math", '@app.get("/items/<id>")\n        def item(request, id): ...')
    path = written(tmp_path / "app.yaml", text)
    code, lines = run(path)
    assert (code, len(lines)) == (1, 1)
    line = text.splitlines().index('        @app.get("/items/<id>")') + 1
    assert lines[0].startswith(f"{path}:{line}: CodeRejected: app.py, line 3: the path '/items/<id>' has '<id>'")


def test_an_object_at_module_level_that_a_handler_changes_is_a_note(tmp_path: Path) -> None:
    source = "todos = []\ndef add(request):\n    todos.append(1)\n"
    path = written(tmp_path / "app.py", source)
    assert run(path) == (0, ["Nothing found."])
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.stderr.startswith(f"{path}:3: StateInModule: app.py, line 3: add changes 'todos'")
    written(
        tmp_path / "map.yaml",
        CONFIG_MAP.replace("    import json\n    import numpy\n", "    a = {}\n    def f(): a[1] = 2\n"),
    )
    result = CliRunner().invoke(main, ["check", str(tmp_path / "map.yaml")])
    assert (result.exit_code, result.stderr.partition(": StateInModule: ")[1]) == (0, ": StateInModule: ")


def test_packages_of_others_get_no_advice(tmp_path: Path) -> None:
    changes = "seen = []\ndef add():\n    seen.append(1)\n"
    written(tmp_path / "app.py", "import inner.a\n")
    for folder in ("inner", "site-packages"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / "a.py", changes)
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [f"{tmp_path}/inner/a.py:3"]


def test_a_folder_of_code_is_a_configmap_and_names_the_file_that_is_wrong(tmp_path: Path) -> None:
    written(tmp_path / "app.py", "import words\n")
    written(tmp_path / "rates.json", "[1, 2")  # data of the app, and no manifest
    written(tmp_path / "words.py", "x = 1\n)\n")
    code, lines = run(tmp_path)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith(f"{tmp_path}/words.py:2: CodeRejected: ")
    written(tmp_path / "start.py", "import json\n")
    assert run(tmp_path, "--entry", "start.py")[0] == 0


def test_files_in_folders_are_checked_but_not_those_that_are_served(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "public").mkdir()
    written(tmp_path / "app.py", "import pkg.words\n")
    written(tmp_path / "public" / "sample.py", "import numpy\ntodos = []\ndef f(): todos.append(1)\n")
    written(tmp_path / "pkg" / "words.py", "x = 1\nimport numpy\n")
    code, lines = run(tmp_path)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith(f"{tmp_path}/pkg/words.py:2: ModuleNotAvailable: ")
    written(tmp_path / "pkg" / "words.py", "x = 1\n")
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Nothing found.\n", "")


def test_code_under_another_key_is_found_at_the_line_of_its_key(tmp_path: Path) -> None:
    items = "items: [{key: app.py, path: app.py}, {key: words.py, path: pkg/words.py}]"
    text = FROM_CONFIG_MAP.replace("entry: app.py}", f"entry: app.py, {items}}}")
    code = CONFIG_MAP.replace("import words", "import pkg.words")
    path = written(tmp_path / "app.yaml", f"{text}---\n{code}")
    result, lines = run(path)
    assert (result, len(lines)) == (1, 1)
    line = path.read_text().splitlines().index("    import numpy") + 1
    assert lines[0].startswith(f"{path}:{line}: ModuleNotAvailable: ")


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("[{key: words.py, path: words.py}]", "must be a path of spec.code.source.configMap.items"),
        ("[{key: app.py, path: app.py}, {key: words.py, path: app.py}]", "Duplicate value"),
        ("[{key: app.py, path: app.py}, {key: words.py, path: ../words.py}]", "write a relative path"),
        ("[{key: app.py, path: app.py}, {key: none.py, path: pkg/none.py}]", "no key none.py"),
        ("[{key: app.py, path: app.py}, {key: app.py, path: pkg/none.py}]", "the key app.py twice"),
    ],
)
def test_items_that_make_no_bundle_are_found(tmp_path: Path, items: str, says: str) -> None:
    text = FROM_CONFIG_MAP.replace("entry: app.py}", f"entry: app.py, items: {items}}}")
    code, lines = run(written(tmp_path / "app.yaml", f"{text}---\n{CONFIG_MAP}"))
    assert code == 1
    assert says in lines[0]


def test_code_that_no_source_could_hold(tmp_path: Path) -> None:
    path = written(tmp_path / "app.py", "#" * 65_537)
    code, lines = run(path)
    assert code == 1
    assert lines[0].startswith(f"{path}:1: SourceInvalid: ")


def test_code_in_a_manifest_is_found_at_its_own_line(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", APP)
    code, lines = run(path)
    assert (code, len(lines)) == (1, 1)
    line = APP.splitlines().index("        import numpy") + 1
    assert lines[0].startswith(f"{path}:{line}: ModuleNotAvailable: ")


def test_a_field_is_found_at_its_line_in_yaml_and_json(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", GOOD.replace("tier: small", "tier: Small"))
    code, lines = run(path)
    assert (code, len(lines)) == (1, 1)
    line = GOOD.splitlines().index("  tier: small") + 1
    assert lines[0].startswith(f"{path}:{line}: FieldValueInvalid: spec.tier: ")
    text = json.dumps(yaml.safe_load(path.read_text()), indent="\t")
    path = written(tmp_path / "app.json", text)
    line = next(number for number, row in enumerate(text.splitlines(), 1) if '"tier"' in row)
    assert run(path)[1][0].startswith(f"{path}:{line}: FieldValueInvalid: spec.tier: ")


def test_a_configmap_among_the_inputs_is_the_code_of_the_app_that_names_it(tmp_path: Path) -> None:
    app, source = written(tmp_path / "app.yaml", FROM_CONFIG_MAP), written(tmp_path / "code.yaml", CONFIG_MAP)
    for paths in ([tmp_path], [app, source], [source]):
        code, lines = run(*paths)
        line = CONFIG_MAP.splitlines().index("    import numpy") + 1
        assert (code, len(lines)) == (1, 1)
        assert lines[0].startswith(f"{source}:{line}: ModuleNotAvailable: ")


def test_a_configmap_of_another_namespace_is_not_the_code_of_an_app(tmp_path: Path) -> None:
    source = CONFIG_MAP.replace("import numpy", "import math")
    for app_namespace, source_namespace, resolved in (
        ("  namespace: finance\n", "  namespace: sales\n", False),
        ("", "  namespace: sales\n", True),
        ("  namespace: finance\n", "", True),
    ):
        app = FROM_CONFIG_MAP.replace("  namespace: finance\n", app_namespace)
        written(
            tmp_path / "all.yaml", f"{app}---\n{source.replace('  namespace: finance' + chr(10), source_namespace)}"
        )
        notes = CliRunner().invoke(main, ["check", str(tmp_path)]).stderr
        assert ("not among the inputs" not in notes) == resolved


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("  labels: {genapps.dev/source", "  annotations: {x"), "SourceNotLabelled"),
        (("  app.py", "  main.py"), "SourceInvalid"),
        (("  words.py: |\n    import json\n    import numpy\n", "  words.py: 7\n"), "FieldValueTypeInvalid"),
    ],
)
def test_a_configmap_that_is_no_source(tmp_path: Path, change: tuple[str, str], code: str) -> None:
    written(tmp_path / "all.yaml", f"{FROM_CONFIG_MAP}---\n{CONFIG_MAP.replace(*change)}")
    assert code in [line.split(": ")[1] for line in run(tmp_path)[1]]


def test_what_is_not_among_the_inputs_is_said_and_is_no_finding(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", FROM_CONFIG_MAP)
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (0, "Nothing found.\n")
    assert "ConfigMap is not among the inputs" in result.stderr
    assert "--budget" in result.stderr


@pytest.mark.parametrize(
    ("changes", "code", "at"),
    [
        ((("tier: small", "tier: huge"),), "TierNotFound", "  tier: huge"),
        ((("budget: finance", "budget: sales"),), "BudgetNotFound", "  budget: sales"),
        ((("namespace: finance", "namespace: sales"),), "NamespaceNotGranted", "  namespace: sales"),
        ((("riskClass: low", "riskClass: high"),), "RiskClassNotAllowed", "    riskClass: high"),
        (
            (("tier: small", "tier: small\n  workloadClass: background"),),
            "WorkloadClassNotAllowed",
            "  workloadClass: background",
        ),
        (
            (
                (
                    GOOD[GOOD.index("      inline") : GOOD.index("  tier")],
                    f"      image:\n        reference: r.example.com/a@sha256:{'0' * 64}\n",
                ),
            ),
            "ImageRegistryNotAllowed",
            f"        reference: r.example.com/a@sha256:{'0' * 64}",
        ),
        (
            (("language: python", f"language: python\n    digest: sha256:{'0' * 64}"),),
            "DigestMismatch",
            f"    digest: sha256:{'0' * 64}",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_what_the_budget_does_not_allow(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], code: str, at: str
) -> None:
    text = GOOD
    for change in changes:
        text = text.replace(*change)
    path = written(tmp_path / "app.yaml", text)
    wanted = f"{path}:{text.splitlines().index(at) + 1}: {code}: "
    for arguments in ([path, "--budget", BUDGET], [path, BUDGET]):
        exit_code, lines = run(*arguments)
        assert exit_code == 1
        assert [line for line in lines if line.startswith(wanted)], lines


def test_an_app_without_namespace_is_checked_against_the_rest_of_its_budget(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", GOOD.replace("  namespace: finance\n", ""))
    assert run(path, BUDGET)[0] == 0
    assert "NamespaceNotGranted" in str(run(path, BUDGET, "-n", "sales"))


def test_standard_input_is_code_or_manifests() -> None:
    assert run("-", given=GOOD) == (0, ["Nothing found."])
    assert run("-", given=json.dumps(yaml.safe_load(GOOD)))[0] == 0
    assert run("-", given=APP)[1][0].startswith("<stdin>:17: ModuleNotAvailable: ")
    assert run("-", given="import json\n") == (0, ["Nothing found."])
    assert run("-", given="\nimport numpy\n")[1][0].startswith("<stdin>:2: ModuleNotAvailable: ")


def test_a_list_as_kubectl_prints_it_is_checked_item_by_item(tmp_path: Path) -> None:
    bad = yaml.safe_load(GOOD.replace("tier: small", "tier: 5"))
    items = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(GOOD), bad]}
    text = yaml.safe_dump(items)
    path = written(tmp_path / "apps.yaml", text)
    line = text.splitlines().index("    tier: 5") + 1
    assert run(path)[1][0].startswith(f"{path}:{line}: FieldValueTypeInvalid: spec.tier: must be of type string")


def test_a_folder_of_manifests_below_another_is_read_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    written(tmp_path / "below" / "app.yml", APP)
    written(tmp_path / "values.yaml", "image: x\n")
    assert run(tmp_path)[0] == 2
    assert run(tmp_path, "-R")[0] == 1


def test_a_field_that_is_given_twice(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", f"{GOOD}  tier: small\n")
    code, lines = run(path)
    assert (code, len(lines)) == (1, 1)
    assert "FieldValueDuplicate: spec.tier: given twice" in lines[0]


def test_output_for_machines(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", GOOD.replace("tier: small", "tier: Small"))
    result = CliRunner().invoke(main, ["check", str(path), "-o", "json"])
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 1
    (finding,) = report["findings"]
    assert (finding["file"], finding["field"], finding["code"]) == (str(path), "spec.tier", "FieldValueInvalid")
    assert finding["line"] == 18
    path = written(path, GOOD)
    report = json.loads(CliRunner().invoke(main, ["check", str(path), "-o", "json"]).stdout)
    assert report["findings"] == []
    assert [note["code"] for note in report["notes"]] == ["NotChecked"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("app.yaml", b"a: [1, 2\n", "app.yaml:2: "),
        ("app.yaml", b"kind: !!python/name:os.system x\n", "could not determine"),
        ("app.yaml", b"\xff", "is not UTF-8"),
        ("app.yaml", b"apiVersion: v1\nkind: Namespace\n", "holds no code"),
        ("app.yaml", b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((one, one) + (one - 1,) * 8) for one in b"bcdefgh"
        ), "too many or too deeply nested"),
        ("app.yaml", b"a: " + b"[" * 200_000, "too many or too deeply nested"),
        ("app.yaml", b"? [a]\n: b\n", "name of a field"),
        ("app.txt", b"", "name a file that ends in"),
    ],
    ids=["broken", "a tag", "no text", "nothing of ours", "aliases", "nesting", "a list as name", "another file"],
)  # fmt: skip
def test_what_cannot_be_read_has_another_exit_code(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_usage_has_that_exit_code_too(tmp_path: Path) -> None:
    assert run()[0] == 2
    assert run(tmp_path / "none.yaml")[0] == 2
    assert run(written(tmp_path / "app.yaml", GOOD), "--budget", tmp_path / "app.yaml")[0] == 2


def test_quantities_and_dates_are_read_as_kubernetes_reads_them(tmp_path: Path) -> None:
    budget = BUDGET.read_text().replace("cpu: 500m", "cpu: 1.0").replace("guestMemory: 64Mi", "guestMemory: 1e8")
    assert run(written(tmp_path / "budget.yaml", budget)) == (0, ["Nothing found."])
    app = GOOD.replace("{team: tools}", "{team: 2026-11-28}")
    assert run(written(tmp_path / "app.yaml", app))[0] == 0


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_have_no_finding(path: Path) -> None:
    assert run(path, "--budget", BUDGET) == (0, ["Nothing found."])
