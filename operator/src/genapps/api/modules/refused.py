# SPDX-License-Identifier: Apache-2.0
"""What apps cannot import, and what they use in its place: modules of the standard library, and known packages.

Each sentence is read after "Module not available to apps: <name>".
"""

from collections.abc import Mapping

_BY_SENTENCE = {
    "Apps have no processes. Write the work as a function, or call a tool: `await tools.call(...)`.": (
        "multiprocessing pty subprocess"
    ),
    "Apps have no processes. `ThreadPoolExecutor` runs what it gets at once, in place.": (
        "concurrent.futures.interpreter concurrent.futures.process concurrent.interpreters"
    ),
    "An app is ended from outside, and gets no signals. Write clean-up into `finally`.": "signal",
    "Apps have no sockets to wait for. To wait for several calls, use `asyncio.gather(...)`.": (
        "select selectors"
    ),
    "The platform serves the app. Register functions with `@app.get(path)` and `@app.post(path)`.": (
        "http.server socketserver wsgiref.simple_server xmlrpc.server"
    ),
    "Apps have no processes, sockets or threads to wait for. Use `asyncio`, and `await tools.call(...)`.": (
        "asyncio.base_subprocess asyncio.proactor_events asyncio.selector_events asyncio.sslproto asyncio.streams "
        "asyncio.subprocess asyncio.tools asyncio.unix_events asyncio.windows_events asyncio.windows_utils"
    ),
    "Apps have no database files. Keep data with `await state.put(key, value)`.": "dbm shelve",
    "Apps cannot call native code. Write it in Python, or call a tool: `await tools.call(...)`.": "ctypes",
    "It is not part of the engine. Use `gzip` or `zlib`.": (
        "bz2 lzma compression.bz2 compression.lzma compression.zstd encodings.bz2_codec"
    ),
    "Apps have no screen. Answer with HTML.": "curses idlelib tkinter turtle turtledemo",
    "Apps have no terminal. `print` goes into the request's log.": "readline rlcompleter termios tty",
    "Apps have no browser. Answer with a link or a redirect.": "antigravity webbrowser",
    "Apps have no operating system below them. A file of the app, or in /tmp, is read with `open`.": (
        "fcntl grp mmap pwd resource"
    ),
    "Apps log with `logging` or `print`.": "syslog",
    "Apps cannot be debugged from inside. `log.debug(...)` shows values, and the log has the trace of an error.": (
        "bdb faulthandler pdb trace"
    ),
    "Apps have no installed packages and no files of code. Put modules beside the entry file.": (
        "compileall ensurepip modulefinder py_compile pydoc pydoc_data runpy site venv zipapp "
        "zipimport"
    ),
    "It is part of `os`: import that.": "posix",
    "It belongs to Windows.": (
        "encodings.mbcs encodings.oem msvcrt nt nturl2path winreg winsound"
    ),
    "It is not part of the engine. Use `unittest`.": "doctest test",
}  # fmt: skip

REFUSED: Mapping[str, str] = {
    name: sentence for sentence, names in _BY_SENTENCE.items() for name in sorted(names.split())
}
"""Modules of the standard library, each with all that is below it: what to use in their place."""

FOR_PACKAGES = (
    "asyncio.base_subprocess", "asyncio.selector_events", "asyncio.sslproto", "asyncio.streams", "asyncio.subprocess",
    "asyncio.unix_events", "http.server", "posix", "select", "selectors", "signal", "site", "socketserver",
    "subprocess", "zipimport",
)  # fmt: skip
"""Those of them that the engine has. Packages in `site-packages/` import them, and hardly ever use them in an app."""

PRIVATE = "It is private to Python. Import the public module."
"""Of every other module with a part that begins with an underscore."""

_PACKAGES_BY_SENTENCE = {
    "Apps reach the network through connectors only: `await tools.call(connector, tool, ...)`, or "
    "`tools.call_sync(...)` in synchronous code.": (
        "aiohttp boto3 botocore grpc httpx openai anthropic paramiko pika requests stripe twilio urllib3 websocket "
        "websockets"
    ),
    "Keep data with `await state.put(key, value)`, or call the database's connector: `await tools.call(...)`.": (
        "aiosqlite asyncpg mysql peewee psycopg psycopg2 pymongo pymysql redis sqlalchemy sqlmodel tinydb"
    ),
    'Write `from genapps import app`, and `@app.get("/items/{name}")` above `async def item(request, name)`.': (
        "bottle django falcon quart sanic starlette tornado"
    ),
    "Flask runs when it is vendored: `genapps bundle PATH --with flask --without-native markupsafe`.": "flask werkzeug",
    "Its layer here has no such part. The platform is in front of the app: leave it out.": (
        "fastapi.middleware fastapi.testclient fastapi.websockets"
    ),
    "Apps do not see credentials. The platform knows who calls: leave it out.": "fastapi.security",
    "Import it from `fastapi`.": "fastapi.exceptions",
    "Return the value from the handler: it becomes JSON.": "fastapi.encoders",
    "Answer with `FileResponse(path)`, from `fastapi.responses`.": "fastapi.staticfiles",
    "Render with `string.Template`, and answer with `HTMLResponse`.": "fastapi.templating",
    "Answer with a page: `return html(text)`.": "dash gradio nicegui streamlit",
    "Packages with native code do not run in apps. Use `statistics`, `math` and `csv`.": (
        "matplotlib numpy pandas polars scipy sklearn"
    ),
    "Packages with native code do not run in apps. Use `xml.etree.ElementTree` or `html.parser`.": "bs4 lxml",
    "Packages with native code do not run in apps. Use `hashlib`, `hmac` and `secrets`.": "bcrypt cryptography",
    "Packages with native code do not run in apps. Call a tool: `await tools.call(...)`.": "PIL cv2 tensorflow torch",
    "Use `zoneinfo`.": "pytz tzlocal",
    "Use `datetime` and `zoneinfo`.": "arrow dateutil pendulum",
    "Use `dataclasses`, and check what comes in.": "attr attrs marshmallow",
    "Use `string.Template` or f-strings, with `html.escape`.": "jinja2 mako",
    "Use `json`, or `tomllib` for configuration.": "orjson simplejson ujson yaml",
    "Apps have no environment. Write settings into the code, or read them with a tool.": "decouple dotenv environs",
    "Use `argparse`.": "click typer",
    "Use `logging`.": "loguru structlog",
    "Use `unittest`.": "pytest",
    "The platform serves the app: no server is needed.": "gunicorn hypercorn uvicorn waitress",
    "Apps run for one request at a time. The platform has no queue of jobs yet.": "apscheduler celery rq schedule",
}  # fmt: skip

PACKAGES: Mapping[str, str] = {
    name: sentence for sentence, names in _PACKAGES_BY_SENTENCE.items() for name in sorted(names.split())
}
"""Packages that are not part of Python, and that apps often want: what to use in their place."""
