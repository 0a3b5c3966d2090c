"""WSGI in a class with middleware; checked by wsgiref's validator."""
import json
from http import HTTPStatus
from http.cookies import SimpleCookie
from wsgiref.headers import Headers
from wsgiref.validate import validator


class Response(Exception):
    def __init__(self, body, status=HTTPStatus.OK, **headers):
        self.body, self.status = json.dumps(body).encode(), HTTPStatus(status)
        self.headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(self.body)))])
        for name, value in headers.items():
            self.headers.add_header(name.replace("_", "-"), value)

    def __call__(self, environ, start_response):
        start_response(f"{self.status.value} {self.status.phrase}", self.headers.items())
        return [self.body]


class App:
    def __call__(self, environ, start_response):
        view = getattr(self, f"do_{environ['REQUEST_METHOD']}_{environ['PATH_INFO'].strip('/')}", None)
        try:
            if view is None:
                raise Response({"error": "not found"}, 404)
            response = view(environ)
        except Response as error:
            response = error
        except (ValueError, KeyError) as error:
            response = Response({"error": type(error).__name__}, 400)
        return response(environ, start_response)

    def do_POST_sum(self, environ):
        numbers = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["numbers"]
        return Response({"sum": sum(numbers)})

    def do_GET_visit(self, environ):
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
        visits = int(cookies["visits"].value) + 1 if "visits" in cookies else 1
        return Response({"visits": visits}, Set_Cookie=f"visits={visits}")


def no_cache(app):
    def wrapped(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, headers + [("Cache-Control", "no-store")], exc_info)
        return app(environ, start)
    return wrapped


application = validator(no_cache(App()))
