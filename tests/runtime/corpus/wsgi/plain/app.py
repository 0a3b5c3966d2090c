from html import escape
from urllib.parse import parse_qs
from wsgiref.util import request_uri, shift_path_info


def hello(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    name = escape(query.get("name", ["World"])[0])
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"<h1>Hello, {name}!</h1>".encode("utf-8")]


def echo(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    start_response("200 OK", [("Content-Type", environ.get("CONTENT_TYPE") or "text/plain"), ("X-Size", str(size))])
    yield body.upper()


def where(environ, start_response):
    uri = request_uri(environ)
    first = shift_path_info(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{uri} {first} {environ['PATH_INFO']}".encode()]


ROUTES = {"/": hello, "/echo": echo}


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/where/"):
        return where(environ, start_response)
    handler = ROUTES.get(path)
    if handler is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Not Found"]
    return handler(environ, start_response)
