# SPDX-License-Identifier: Apache-2.0
"""Apps that keep their data with `sqlite3`, as generators write them: at load, in handlers, in Flask, in lanes."""

import asyncio
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.runtime.harness import Pod
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.telling_language import TellingLanguage

AT_LOAD = """
import sqlite3
from genapps import app

conn = sqlite3.connect("app.db", check_same_thread=False)
conn.row_factory = sqlite3.Row
conn.execute("PRAGMA journal_mode=WAL")
conn.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)")
if not conn.execute("SELECT COUNT(*) FROM notes").fetchone()[0]:
    conn.executemany("INSERT INTO notes (text) VALUES (?)", [("first",), ("second",)])
conn.commit()

@app.get("/notes")
def notes(request):
    return [dict(row) for row in conn.execute("SELECT * FROM notes ORDER BY id")]

@app.post("/notes")
async def add(request):
    with conn:
        made = conn.execute("INSERT INTO notes (text) VALUES (?)", (await request.text(),))
    return {"id": made.lastrowid}, 201

@app.post("/undone")
def undone(request):
    conn.execute("INSERT INTO notes (text) VALUES ('never')")
    conn.rollback()
    return {"left": conn.in_transaction}

@app.post("/uncommitted")
def uncommitted(request):
    conn.execute("INSERT INTO notes (text) VALUES ('kept')")
    return {"left": conn.in_transaction}

@app.get("/loop")
def loop(request):
    conn.execute("INSERT INTO notes (text) VALUES ('never')")
    while True:
        pass
"""


async def texts(pod: Pod) -> list[str]:
    answer = await pod.call("GET", "/notes")
    assert answer.status == 200, pod.log()[-1]
    return [row["text"] for row in answer.json()]


async def test_a_connection_at_the_top_of_a_file_serves_all_requests(pod: Pod) -> None:
    pod.write(AT_LOAD, time={"actionMillis": 1500})
    await pod.start()
    assert await texts(pod) == ["first", "second"]
    assert (await pod.call("POST", "/notes", data=b"third")).json() == {"id": 3}
    assert (await pod.call("POST", "/undone")).json() == {"left": False}
    assert (await pod.call("GET", "/loop")).status == 504  # a new guest loads, and finds the table
    assert await texts(pod) == ["first", "second", "third"]
    assert await pod.stop() == 0
    await pod.start()
    assert await texts(pod) == ["first", "second", "third"]
    answers = await asyncio.gather(*[pod.call("POST", "/notes", data=b"more") for _ in range(20)])
    assert sorted(answer.json()["id"] for answer in answers) == list(range(4, 24))


async def test_what_was_not_committed_stays_when_the_request_succeeds(pod: Pod) -> None:
    pod.write(AT_LOAD)
    await pod.start()
    assert (await pod.call("POST", "/uncommitted")).json() == {"left": True}
    assert await texts(pod) == ["first", "second", "kept"]
    assert (await pod.call("POST", "/uncommitted")).json() == {"left": True}  # and began anew
    assert len(await texts(pod)) == 4


async def test_what_code_writes_before_it_fails_to_load_is_not_stored(pod: Pod) -> None:
    pod.write(AT_LOAD + "\n1 / 0\n")
    await pod.start(ready=False)
    assert await pod.ended() == 3
    (pod.directory / "code" / "app.py").unlink()
    pod.write(AT_LOAD.replace('("first",), ("second",)', '("other",)'))
    await pod.start()
    assert await texts(pod) == ["other"]


FLASK = """
import sqlite3
from flask import Flask, g, jsonify, redirect, render_template_string, request, url_for

app = Flask(__name__)
DATABASE = "todo.db"

def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(DATABASE)
        g.db.row_factory = sqlite3.Row
        g.db.execute("PRAGMA foreign_keys = ON")
    return g.db

@app.teardown_appcontext
def close_db(error=None):
    db = g.pop("db", None)
    if db is not None:
        db.close()

def init_db():
    with app.app_context():
        db = get_db()
        db.executescript('''
            CREATE TABLE IF NOT EXISTS todos (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                title TEXT NOT NULL UNIQUE,
                done BOOLEAN NOT NULL DEFAULT 0,
                created TIMESTAMP DEFAULT CURRENT_TIMESTAMP
            );
            CREATE INDEX IF NOT EXISTS todos_by_done ON todos (done);
        ''')
        db.commit()

init_db()

@app.route("/")
def index():
    todos = get_db().execute("SELECT id, title, done FROM todos ORDER BY id").fetchall()
    page = "{% for t in todos %}<li>{{ t['title'] }}{{ ' done' if t.done }}</li>{% endfor %}"
    return render_template_string(page, todos=todos)

@app.route("/add", methods=["POST"])
def add():
    db = get_db()
    try:
        db.execute("INSERT INTO todos (title) VALUES (?)", (request.form["title"],))
        db.commit()
    except sqlite3.IntegrityError:
        return jsonify(error="exists"), 409
    return redirect(url_for("index"))

@app.route("/done/<int:todo>", methods=["POST"])
def done(todo):
    db = get_db()
    changed = db.execute("UPDATE todos SET done = 1 WHERE id = ?", (todo,)).rowcount
    db.commit()
    return jsonify(changed=changed)

@app.route("/half", methods=["POST"])
def half():
    get_db().execute("INSERT INTO todos (title) VALUES ('never')")
    raise ValueError("after the first write")

if __name__ == "__main__":
    app.run(debug=True)
"""
PACKAGES = ("flask", "werkzeug", "jinja2", "click", "itsdangerous", "blinker", "markupsafe")


def vendored() -> dict[str, bytes]:
    """The files of Flask and what it needs, as `genapps bundle --with flask` vendors them."""
    files: dict[str, bytes] = {}
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None
        folder = Path(spec.origin or "").parent
        for path in folder.rglob("*.py"):
            files[f"site-packages/{package}/{path.relative_to(folder)}"] = path.read_bytes()
    return files


async def test_a_to_do_list_in_flask_runs_as_it_is(pod: Pod) -> None:
    pod.write({"app.py": FLASK.encode(), **vendored()}, time={"loadMillis": 60_000, "actionMillis": 20_000})
    await pod.start()
    assert (await pod.call("GET", "/")).body == b""
    answers = await asyncio.gather(*[pod.call("POST", "/add", data={"title": f"todo {number}"}) for number in range(5)])
    assert [answer.status for answer in answers] == [302] * 5
    again = await pod.call("POST", "/add", data={"title": "todo 1"})
    assert (again.status, again.json()) == (409, {"error": "exists"})
    assert (await pod.call("POST", "/done/1")).json() == {"changed": 1}
    assert (await pod.call("POST", "/done/99")).json() == {"changed": 0}
    assert (await pod.call("POST", "/half")).status == 500
    page = (await pod.call("GET", "/")).body.decode()
    assert page.count("<li>") == 5
    assert page.count(" done</li>") == 1
    assert "never" not in page


LANES = """
import sqlite3, typing
from genapps import app, state

host = typing.sys.modules["genapps.logs"].host
conn = sqlite3.connect("app.db")
conn.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
conn.execute("INSERT INTO t VALUES (0)")
conn.commit()

def compute(times):
    while host.now_millis() < int(times):
        pass

@app.get("/rows")
def rows(request):
    return conn.execute("SELECT count(*), sum(n) FROM t").fetchone()

@app.get("/read/{times}")
def read(request, times):
    before = conn.execute("SELECT sum(n) FROM t").fetchone()[0]
    compute(times)
    return [before, conn.execute("SELECT sum(n) FROM t").fetchone()[0]]

@app.post("/write/{times}")
def write(request, times):
    conn.execute("UPDATE t SET n = n + 1")
    compute(times)
    conn.execute("UPDATE t SET n = n + 1")
    conn.commit()
    return "written"

@app.get("/deep/{times}")
def deep(request, times):
    def deeper(left):
        if left:
            return deeper(left - 1)
        found = conn.execute("SELECT " + "(" * 90 + "1" + ")" * 90 + ", '" + "x" * 9000 + "'").fetchone()
        compute(times)
        return found[0] + conn.execute("SELECT " + "+".join("1" * 90)).fetchone()[0]
    return deeper(700)
"""


@pytest.fixture
async def world(engine: Path, tmp_path: Path) -> AsyncIterator[LanesWorld]:
    world = LanesWorld(
        TellingLanguage(str(engine)), tmp_path, LANES, limits={"instances": 2}, time={"actionMillis": 60_000}
    )
    yield world
    await world.close()


async def test_an_instance_that_computes_keeps_its_snapshot_and_others_write(world: LanesWorld) -> None:
    reads = world.ask("/read/1")
    await world.computing(1)
    writes = world.ask("/write/0", "POST")
    await world.answered(writes)
    assert writes.answer == "written"
    world.language.tell()
    await world.answered(reads)
    assert reads.answer[0] == reads.answer[1]
    rows = world.ask("/rows")
    await world.answered(rows)
    assert rows.answer[0] == 2  # each instance has added one while it loaded
    assert rows.answer[1] >= 2


async def test_a_load_that_writes_waits_for_nobody_and_says_so(world: LanesWorld) -> None:
    writes = world.ask("/write/1", "POST")
    await world.computing(1)
    await world.slices(5)
    rows = world.ask("/rows")
    await world.answered(rows)
    assert rows.reply is not None
    assert (rows.reply.status, rows.code) == (503, "AppUnavailable")
    world.language.tell()
    await world.answered(writes)
    assert writes.answer == "written"
    rows = world.ask("/rows")
    await world.answered(rows)
    assert rows.answer == [1, 2]


async def test_statements_run_on_a_fiber_below_a_deep_stack(world: LanesWorld) -> None:
    deep = world.ask("/deep/1")
    await world.computing(1)
    world.language.tell()
    await world.answered(deep)
    assert deep.answer == 91
