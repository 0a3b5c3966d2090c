# SPDX-License-Identifier: Apache-2.0
"""Where the layer `fastapi` could pass on more than FastAPI: from one caller to the next, from body to code."""

import json
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import RefusedError
from tests.runtime.test_fastapi_layer import HEAD, JSON, Headers
from tests.support.guest import AppInEngine

APP = """
from typing import ClassVar
from pydantic import field_validator

Token = Annotated[str, Header(min_length=2)]

@app.get("/guest")
def guest(token: Token = "guest"):
    return token

@app.get("/member")
def member(token: Token):
    return token

class Inner(BaseModel):
    marks: list[int] = []

class Prefs(BaseModel):
    nested: dict = {"marks": []}
    inner: Inner = Inner()

@app.post("/prefs")
def prefs(given: Prefs, beside: dict = Body({"marks": []})):
    for marks in (given.nested["marks"], given.inner.marks, beside["marks"]):
        marks.append(1)
    return [given.nested["marks"], given.inner.marks, beside["marks"]]

class Open(BaseModel):
    model_config = {"extra": "allow"}
    limit: ClassVar[int] = 5
    own: str = Field("x", alias="ownName", max_length=3)

    def allowed(self):
        return False

@app.post("/open")
def opened(given: Open):
    return [given.limit, given.allowed(), given.own, getattr(given, "more", None), given.model_dump()]

SHARED = PlainTextResponse("same")

@app.get("/shared")
def shared(response: Response, name: str = ""):
    if name:
        response.headers["set-cookie"] = f"session={name}"
        response.status_code = 201
    return SHARED

def catching():
    try:
        yield 1
    except ValueError:
        pass

@app.get("/caught")
def caught(one: int = Depends(catching)):
    raise ValueError("no answer")

class Tree(BaseModel):
    inner: Optional["Tree"] = None

@app.post("/tree")
def tree(given: Tree):
    return "fits"
"""


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.fixture(scope="module")
def served(language: Language) -> AppInEngine:
    return AppInEngine(language, HEAD + APP)


def post(served: AppInEngine, path: str, value: Any, headers: Headers = JSON) -> Any:
    answered = served.call("POST", path, json.dumps(value).encode(), headers)
    return answered.json() if answered.status == 200 else answered.status or answered.code


def test_a_default_of_one_handler_is_none_of_another_with_the_same_alias(served: AppInEngine) -> None:
    assert served.call("GET", "/guest").json() == "guest"
    assert served.call("GET", "/member").status == 422
    assert served.call("GET", "/member", headers=[(b"token", b"t")]).status == 422
    assert served.call("GET", "/member", headers=[(b"token", b"to")]).json() == "to"


def test_what_a_handler_does_to_a_default_is_gone_with_the_request(served: AppInEngine) -> None:
    for _ in range(2):
        assert post(served, "/prefs", {"given": {}}) == [[1], [1], [1]]


def test_names_of_a_caller_take_the_place_of_nothing(served: AppInEngine) -> None:
    given = {"limit": 10**6, "allowed": True, "own": "unchecked", "more": 1, "model_dump": 2, "model_extra": 3}
    limit, allowed, own, more, dumped = post(served, "/open", given)
    assert (limit, allowed, own, more) == (5, False, "x", 1)
    assert dumped["own"] == "x"
    assert post(served, "/open", {"ownName": "long"}) == 422


def test_an_answer_that_the_app_keeps_stays_as_it_is(served: AppInEngine) -> None:
    for target in ("/shared?name=ann", "/shared"):
        answered = served.call("GET", target)
        assert (answered.status, answered.body, answered.all("set-cookie")) == (200, b"same", [])


def test_a_dependency_that_catches_an_error_makes_no_answer_of_it(served: AppInEngine) -> None:
    answered = served.call("GET", "/caught")
    assert answered.code == "AppFailed"
    assert "did not raise it again" in answered.detail


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (b"application/json", 200),
        (b"Application/JSON; charset=utf-8", 200),
        (b"application/merge-patch+json", 200),
        (b"text/plain", 422),
        (b"application/x-www-form-urlencoded", 422),
        (b"application/jsonp", 422),
        (b"text/plain; application/json", 422),
        (b"", 422),
    ],
)
def test_a_body_is_json_only_where_the_caller_says_so(served: AppInEngine, kind: bytes, status: int) -> None:
    headers = [(b"content-type", kind)] if kind else []
    assert served.call("POST", "/tree", b"{}", headers).status == status


def test_a_body_may_be_as_deep_as_json_may(served: AppInEngine) -> None:
    def nested(depth: int) -> Any:
        return {"inner": nested(depth - 1)} if depth else {}

    assert post(served, "/tree", nested(199)) == "fits"
    assert post(served, "/tree", nested(200)) == 422
    assert served.call("GET", "/guest").json() == "guest"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("class A(BaseModel):\n    a: int\n    class Config:\n        extra = 'forbid'",
         "write model_config = ConfigDict"),
        ("class A(BaseModel):\n    a: int\n    @field_validator('b')\n    def f(cls, v): return v",
         "checks the field 'b', which A does not have"),
        ("class A(BaseModel):\n    a: int\n    @field_validator\n    def f(cls, v): return v",
         "name the fields that are checked"),
    ],
    ids=["settings", "a field that is not there", "no field"],
)  # fmt: skip
def test_rules_that_would_not_be_kept_are_refused(language: Language, line: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        AppInEngine(language, f"{HEAD}from pydantic import field_validator\n{line}\n")
    assert said in refused.value.message
