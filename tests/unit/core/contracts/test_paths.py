# SPDX-License-Identifier: Apache-2.0
"""Path templates: what is one, and that no argument leaves its segment."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.contracts.paths import PathArgumentError, PathTemplate, TemplateError, scalar_text


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("/", ()),
        ("/v1/rates", ()),
        ("/v1/{currency}", ("currency",)),
        ("/{a}/x-{b}.json/{c_1}:run", ("a", "b", "c_1")),
        ("/v1/rates/", ()),
        ("/a%20b/~user;v=1", ()),
        ("/...", ()),
    ],
)
def test_such_a_text_is_a_template(text: str, parameters: tuple[str, ...]) -> None:
    assert PathTemplate.parse(text).parameters == parameters


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v1", "begins with /"),
        ("", "begins with /"),
        ("//evil.example.com/a", "a segment is empty"),
        ("/a//b", "a segment is empty"),
        ("/a/../b", "a segment is . or .."),
        ("/a/.", "a segment is . or .."),
        ("/a/..;x/b", "a segment is . or .."),
        ("/a/%2e%2E/b", "an encoded dot, slash"),
        ("/a/%2fb", "an encoded dot, slash"),
        ("/a%5Cb", "an encoded dot, slash"),
        ("/a%00", "an encoded dot, slash"),
        ("/a%0d%0aX: 1", "an encoded dot, slash|a path holds"),
        ("/a?b={c}", "no query and no fragment"),
        ("/a#b", "no query and no fragment"),
        ("/a\\b", "a path holds"),
        ("/a%2", "a path holds"),
        ("/a b", "a path holds"),
        ("/ä", "a path holds"),
        ("/{+path}", "a parameter is {name}"),
        ("/{path*}", "a parameter is {name}"),
        ("/{?q}", "no query"),
        ("/{}", "a parameter is {name}"),
        ("/{{a}}", "a parameter is {name}"),
        ("/{a}/}", "a parameter is {name}"),
        ("/{a b}", "a parameter is {name}"),
        ("/{a}/{a}", "a name stands in it twice"),
        ("/{a/b}", "a parameter is {name}"),
    ],
)
def test_such_a_text_is_none(text: str, says: str) -> None:
    with pytest.raises(TemplateError, match=says.replace("{", "[{]")):
        PathTemplate.parse(text)


@pytest.mark.parametrize(
    ("template", "arguments", "path"),
    [
        ("/v1/{c}", {"c": "CHF"}, "/v1/CHF"),
        ("/v1/{c}", {"c": "a b?c#d&e=ü"}, "/v1/a%20b%3Fc%23d%26e%3D%C3%BC"),
        ("/v1/{c}", {"c": 7}, "/v1/7"),
        ("/v1/{c}", {"c": 1.5}, "/v1/1.5"),
        ("/v1/{c}", {"c": 2.0}, "/v1/2"),
        ("/v1/{c}", {"c": True}, "/v1/true"),
        ("/v1/{c}", {"c": "100%"}, "/v1/100%25"),
        ("/{a}-{b}", {"a": "", "b": ""}, "/-"),
        ("/{a}x{b}.json", {"a": "..", "b": "{a}"}, "/..x%7Ba%7D.json"),
        ("/v1/{c}", {"c": "..."}, "/v1/..."),
    ],
)
def test_arguments_are_encoded_into_their_segment(template: str, arguments: dict[str, object], path: str) -> None:
    assert PathTemplate.parse(template).expand(arguments) == path


@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        ("/v1/{c}", {}),
        ("/v1/{c}", {"c": None}),
        ("/v1/{c}", {"c": []}),
        ("/v1/{c}", {"c": {}}),
        ("/v1/{c}", {"c": ""}),
        ("/v1/{c}", {"c": "."}),
        ("/v1/{c}", {"c": ".."}),
        ("/v1/{c}", {"c": "..;a=b"}),
        ("/v1/{c}", {"c": "../admin"}),
        ("/v1/{c}", {"c": "a/b"}),
        ("/v1/{c}", {"c": "..\\admin"}),
        ("/v1/{c}", {"c": "%2e%2e"}),
        ("/v1/{c}", {"c": "%252e"}),
        ("/v1/{c}", {"c": "a\r\nX: 1"}),
        ("/v1/{c}", {"c": "a\x00"}),
        ("/v1/{c}", {"c": "a\x85"}),
        ("/v1/{c}", {"c": "．．"}),
        ("/v1/{c}", {"c": "‥"}),
        ("/v1/{c}", {"c": "a／b"}),
        ("/v1/{c}", {"c": "a＼b"}),
        ("/.{c}", {"c": "．"}),
        ("/{a}{c}", {"a": ".", "c": "."}),
        ("/.{c}", {"c": "."}),
        ("/.{c}", {"c": ""}),
    ],
)
def test_an_argument_that_would_leave_its_segment_is_refused(template: str, arguments: dict[str, object]) -> None:
    with pytest.raises(PathArgumentError) as refused:
        PathTemplate.parse(template).expand(arguments)
    assert refused.value.argument in {"a", "c"}


@given(st.text())
def test_no_text_makes_another_path_also_when_a_server_decodes_it_again_and_again(text: str) -> None:
    template = PathTemplate.parse("/v1/{a}/x")
    try:
        path = template.expand({"a": text.encode("utf-8", "replace").decode()})
    except PathArgumentError:
        return
    assert path.isascii()
    for _ in range(3):
        segments = path.split("/")
        assert len(segments) == 4
        assert segments[2].partition(";")[0] not in {".", ".."}
        path = unquote(path)


def test_only_scalars_have_a_text() -> None:
    others: list[object] = [None, [], {}, b"x"]
    assert scalar_text(1e22) == "10000000000000000000000"
    assert [scalar_text(value) for value in others] == [None] * 4
