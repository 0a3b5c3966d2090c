# SPDX-License-Identifier: Apache-2.0
"""Forms, headers and cookies of the Python engine, whatever arrives."""

import contextlib
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.engine_modules import engine_module

FORMS, FIELDS = engine_module("forms"), engine_module("fields")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='\\"'), max_size=8)
MULTIPART = "multipart/form-data; boundary=xyz"


def _body(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        body += f'--xyz\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return body + b"--xyz--\r\n"


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, st.binary(max_size=20)), max_size=5))
@example([("a", None, b"\r\n--xy"), ("a", "", b"\r\n\r\n")])
def test_a_form_is_read_as_it_was_written(parts: list[tuple[str, str | None, bytes]]) -> None:
    form = FORMS.read_form(MULTIPART, _body(parts))
    fields = [(name, content.decode("utf-8", "replace")) for name, filename, content in parts if filename is None]
    assert form.multi_items() == fields
    uploads = [(name, one.filename, one.read()) for name, one in form.uploads]
    assert uploads == [part for part in parts if part[1] is not None]


@given(
    st.lists(
        st.binary(max_size=5)
        | st.sampled_from(
            [b"--xyz", b"\r\n", b"--", b'content-disposition: form-data; name="a"', b"; filename*=utf-8''%ff"]
        ),
        max_size=20,
    )
)
def test_a_malformed_form_is_the_callers_error(pieces: list[bytes]) -> None:
    with contextlib.suppress(FORMS.BadRequest):
        FORMS.read_form(MULTIPART, b"".join(pieces))


@given(TEXT)
def test_any_content_type_is_read(content_type: str) -> None:
    for kind in (content_type, "multipart/form-data;" + content_type):
        with contextlib.suppress(FORMS.BadRequest):
            FORMS.read_form(kind, b"--x\r\n")


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_a_form_without_files_is_read_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    form = FORMS.read_form("application/X-WWW-form-urlencoded", urlencode(pairs).encode())
    assert form.multi_items() == pairs


HEADER = st.tuples(st.sampled_from(["A", "a", "Set-Cookie", "set-cookie", "b"]), st.sampled_from(["1", "2"]))


@given(st.lists(HEADER, max_size=6), st.lists(HEADER, max_size=2), st.sampled_from(["a", "A", "SET-COOKIE", "c"]))
def test_headers_keep_each_value_in_the_order_of_its_name(
    added: list[tuple[str, str]], changed: list[tuple[str, str]], name: str
) -> None:
    headers, model = FIELDS.Headers(added), dict[str, list[str]]()
    for key, value in added:
        model.setdefault(key.lower(), []).append(value)
    for key, value in changed:
        headers[key] = value
        model[key.lower()] = [value]
    assert headers.multi_items() == [(key, value) for key, values in model.items() for value in values]
    assert headers == {key: ", ".join(values) for key, values in model.items()}
    assert headers.getlist(name) == model.get(name.lower(), [])
    assert (name in headers) is (name.lower() in model)
    assert FIELDS.Headers(headers).multi_items() == headers.multi_items()
    assert headers.pop(name, None) == (", ".join(model.pop(name.lower(), [])) or None)
    assert headers.multi_items() == [(key, value) for key, values in model.items() for value in values]


@given(st.dictionaries(st.text("abc_-", min_size=1, max_size=4), st.text("ab1.=/ ", max_size=6).map(str.strip)))
def test_cookies_are_read_as_python_writes_them(cookies: dict[str, str]) -> None:
    written: SimpleCookie = SimpleCookie()
    for name, value in cookies.items():
        written[name] = value
    header = "; ".join(morsel.OutputString() for morsel in written.values())
    assert FIELDS.cookies_of(header) == cookies


@given(TEXT)
def test_any_cookies_are_read(header: str) -> None:
    assert all("=" not in name for name in FIELDS.cookies_of(header))
