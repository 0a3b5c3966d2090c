# SPDX-License-Identifier: Apache-2.0
"""A bundle full of packages that misbehave when they are imported, and an app that imports them when it is asked."""

LINKS = 300
"""Modules of which each imports the next."""

SOURCE = r"""
import asyncio
import importlib.metadata
import sys

import json as shadow
import queue
from genapps import Response, app, state


@app.get("/fine")
async def fine(request):
    return {"fine": True}


@app.get("/remember")
async def remember(request):
    await state.put("before", [1, 2, 3])


@app.get("/remembered")
async def remembered(request):
    return {"before": await state.get("before")}


@app.post("/echo")
async def echo(request):
    return await request.json()


@app.post("/form")
async def form(request):
    return dict(await request.form())


@app.get("/headers")
async def headers(request):
    forged = [name for name in request.headers if name.startswith("genapps-")]
    return {"own": request.id != "forged" and not forged and isinstance(request.cookies, dict)}


@app.get("/import/{name}")
async def bring(request, name):
    module = importlib.import_module(name)
    return {"file": module.__file__}


@app.get("/shadowed")
async def shadowed(request):
    from concurrent.futures import ThreadPoolExecutor
    import helper
    assert shadow.mine and queue.mine and helper.dumped == "[1]"
    with ThreadPoolExecutor() as pool:
        return [*pool.map(abs, [-1])]


@app.get("/metadata")
async def metadata(request):
    return importlib.metadata.version("large")


@app.get("/tasks")
async def tasks(request):
    async def spin():
        while True:
            await asyncio.sleep(0)
    await asyncio.gather(*[spin() for _ in range(50)])


@app.get("/more-tasks")
async def more_tasks(request):
    hoard = []
    async def hold():
        hoard.append(bytearray(1024 * 1024))
        await asyncio.sleep(0)
    while True:
        await asyncio.create_task(hold())


@app.get("/task-exit")
async def task_exit(request):
    async def leave():
        await asyncio.sleep(0)
        raise SystemExit(3)
    await asyncio.gather(leave(), leave())


@app.get("/timers")
async def timers(request):
    await asyncio.gather(*[asyncio.sleep(3600) for _ in range(1001)])


@app.get("/speak")
async def speak(request):
    return Response("", headers={"Genapps-Request-Id": "forged"})


@app.get("/trick/{kind}")
async def trick(request, kind):
    match kind:
        case "ctypes":
            return importlib.import_module("_ctypes").dlopen
        case "loader":
            return __spec__.loader.get_data("/etc/passwd")
        case "spec":
            return importlib.util.spec_from_file_location("a", "/etc/passwd").loader.load_module()
        case "modules":
            return sys.modules["ctypes"]
        case "import":
            return sys.modules["builtins"].__import__("ctypes")
        case "reload":
            return importlib.reload(sys.modules["engine"])
        case "finders":
            found = sys.meta_path[:]
            sys.meta_path.clear()
            try:
                importlib.import_module("sched")
            finally:
                sys.meta_path[:] = found
        case "path":
            return open("site-packages/../../../etc/passwd").read()
        case "write":
            return open("site-packages/helper.py", "w")
        case "code":
            code = (lambda: 0).__code__
            exec(code.replace(co_code=bytes([255] * 4), co_stacksize=2))
"""


def files() -> dict[str, bytes]:
    """By path."""
    packages = {
        "looping": "while True: pass\n",
        "hoarding": "hoard = [bytearray(1024 * 1024) for _ in range(1000)]\n",
        "exiting": "raise SystemExit(3)\n",
        "recursing": "def deeper(): return deeper() + 1\ndeeper()\n",
        "circle/__init__": "",
        "circle/one": "from .two import x\ny = 1\n",
        "circle/two": "from .one import y\nx = 1\n",
        "chain/__init__": "",
        **{f"chain/m{number}": f"from . import m{number + 1}\n" for number in range(LINKS)},
        f"chain/m{LINKS}": "x = 1\n",
        "broken": "x = (\n",
        "nested": f"x = {'-' * 50_000}1\n",
        "uncalled": "import sys\nassert 'sitecustomize' not in sys.modules\n",
        "sitecustomize": "raise SystemExit\n",
        "engine": "x = 1\n",
        "helper": "import json\ndumped = json.dumps([1])\n",
    }
    return {
        "app.py": SOURCE.encode(),
        "json.py": b"mine = True\n",
        "queue.py": b"mine = True\n",
        **{f"site-packages/{path}.py": text.encode() for path, text in packages.items()},
        "site-packages/native.cpython-314-x86_64-linux-gnu.so": b"\x7fELF",
        "site-packages/large-1.0.dist-info/METADATA": b"Name: large\nVersion: 1.0\n" + b"Classifier: x\n" * 20_000,
    }
