# SPDX-License-Identifier: Apache-2.0
"""A new app: code, manifest and a test, each as short as it can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genapps.api.digests import INLINE_ENTRY
from genapps.laptop.named import SourceError
from genapps.laptop.source import CODE_FOLDER, MANIFEST, need_name

_PYTHON = """\
from genapps import BadRequest, app, log, state


@app.get("/hello/{name}")
async def hello(request, name):
    if len(name) > 50:
        raise BadRequest("Use a name of at most 50 characters.")
    visits = await state.get(f"visits/{name}", 0) + 1
    await state.put(f"visits/{name}", visits)
    log.info("greeted", name=name)
    return {"hello": name, "visits": visits}
"""
_JAVASCRIPT = """\
export default {
  async fetch(request, env, ctx) {
    const [, route, name] = new URL(request.url).pathname.split("/");
    if (route !== "hello" || !name) return Response.json({ error: "Ask for /hello/NAME." }, { status: 404 });
    if (name.length > 50) return Response.json({ error: "Use a name of at most 50 characters." }, { status: 400 });
    const visits = ((await env.STATE.get(`visits/${name}`)) ?? 0) + 1;
    await env.STATE.put(`visits/${name}`, visits);
    console.log("greeted", name);
    return Response.json({ hello: name, visits });
  },
};
"""
_CODE = {"python": _PYTHON, "javascript": _JAVASCRIPT}
_MANIFEST_TEXT = """\
# The app without its code, which is in the folder app: `genapps render .` prints both, for kubectl apply.
apiVersion: genapps.dev/v1alpha1
kind: GeneratedApp
metadata:
  name: {name}
spec:
  envelope:                  # immutable
    owner: {{team: my-team}}
    riskClass: low
    # connectors: [fx-rates] # what the app may call
  code:
    language: {language}
  tier: small                # of the AppBudget
  budget: my-budget          # an AppBudget that lists the namespace
"""
_TEST = '''\
"""Run it with pytest. The app runs as in its pod: `genapps dev` starts it, with a state of its own."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("state")
    command = ["genapps", "dev", str(Path(__file__).parent), "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("http://"), "genapps dev did not start: see what it says"
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield first.split()[0]
        process.terminate()


def get(url: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_visits_are_counted(url: str) -> None:
    assert get(f"{url}/hello/ada") == (200, {"hello": "ada", "visits": 1})
    assert get(f"{url}/hello/ada") == (200, {"hello": "ada", "visits": 2})


def test_a_name_that_is_too_long_is_refused(url: str) -> None:
    status, _ = get(f"{url}/hello/{'a' * 51}")
    assert status == 400
'''


def write(folder: Path, language: str) -> Iterator[str]:
    """Write the app; lines that tell what was written. Raises SourceError, and then nothing is written."""
    name = folder.name
    need_name(name or str(folder), "an app")
    if not folder.parent.is_dir():
        raise SourceError(f"{folder.parent}: there is no such folder; make it first")
    try:
        folder.mkdir()
    except FileExistsError:
        raise SourceError(f"{folder} exists: name another folder") from None
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror or 'cannot be made'}") from None
    files = {
        f"{CODE_FOLDER}/{INLINE_ENTRY[language]}": _CODE[language],
        MANIFEST: _MANIFEST_TEXT.format(name=name, language=language),
        "test_app.py": _TEST,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        yield f"{folder / path}"
    yield f"To run it: genapps dev {folder}. To test it: pip install pytest, and pytest {folder}"
