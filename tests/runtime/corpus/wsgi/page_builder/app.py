import datetime
import io
import logging
import traceback
from wsgiref.util import FileWrapper

log = logging.getLogger("site")

PAGES = {"": "<h1>Home</h1>", "about": "<h1>About</h1>"}


def app(environ, start_response):
    name = environ["PATH_INFO"].lstrip("/")
    try:
        if name == "report":
            start_response("200 OK", [("Content-Type", "text/csv"), ("Content-Disposition", "attachment; filename=report.csv")])
            return FileWrapper(io.BytesIO(b"a,b\n" + b"1,2\n" * 5000))
        if name == "fail":
            raise RuntimeError("broken page")
        body = PAGES[name].encode()
        since = environ.get("HTTP_IF_MODIFIED_SINCE")
        modified = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        if since == modified:
            start_response("304 Not Modified", [("Last-Modified", modified)])
            return []
        start_response("200 OK", [("Content-Type", "text/html"), ("Last-Modified", modified)])
        return [body]
    except KeyError:
        start_response("302 Found", [("Location", "/")])
        return [b""]
    except Exception:
        log.error("page failed", exc_info=True)
        traceback.print_exc(file=environ["wsgi.errors"])
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"Something went wrong"]
