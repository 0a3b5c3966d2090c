"""The apps of the demo (`examples/<name>.yaml`) and the requests that show what each of them does."""

from tests.e2e.apps import Request

CAST: dict[str, tuple[Request, ...]] = {
    "csv-summary": (),
    "unit-converter": (),
    "text-diff": (),
}
CURIOUS = "curious"
CURIOUS_REQUEST = Request("GET", "/", None, "text/plain", "")
