# SPDX-License-Identifier: Apache-2.0
"""Files that are served without a guest: which path is which file, and what its reply says."""

import gzip
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.serve.messages import FileReply, Request
from genapps_runtime.serve.static.content_types import content_type
from genapps_runtime.serve.static.encodings import chosen
from genapps_runtime.serve.static.files import StaticFiles
from genapps_runtime.serve.static.preconditions import asked_range

FILES = {
    "index.html": b"<h1>Home</h1>",
    "docs/index.html": b"<h1>Docs</h1>",
    "docs/guide/page.html": b"<p>",
    "app.js": b"plain" * 100,
    "app.js.gz": b"gzip",
    "app.js.br": b"br",
    "style.3f2a9c1d.css": b"a{}",
    "data.json": b"[1]",
    "empty.txt": b"",
    ".env": b"SECRET=1",
    ".git/config": b"",
    "docs/.hidden/x.txt": b"",
    ".well-known/security.txt": b"Contact: us",
    "only.txt.gz": b"z",
}
STATIC = StaticFiles(FILES)


def ask(path: str, method: str = "GET", query: str = "", **headers: str) -> FileReply | None:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return STATIC.reply(Request("id", method, path, query, [(b"host", b"x"), *fields], b""))


def got(path: str, method: str = "GET", query: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, fields of the head and body of the reply to a request for a file."""
    reply = ask(path, method, query, **headers)
    assert reply is not None
    lines = reply.head.decode().split("\r\n")
    assert lines[0].split(" ")[1] == str(reply.status)
    assert lines[-1] == "genapps-request-id: "
    return reply.status, dict(line.split(": ", 1) for line in lines[1:-1]), bytes(reply.body)


def tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/docs/", "docs/index.html"),
        ("/docs/index.html", "docs/index.html"),
        ("/docs/guide/page.html", "docs/guide/page.html"),
        ("/.well-known/security.txt", ".well-known/security.txt"),
        ("/app.js.gz", "app.js.gz"),
        ("/only.txt.gz", "only.txt.gz"),
        ("/empty.txt", "empty.txt"),
    ],
)
def test_a_file_is_found_by_its_path_and_an_index_by_its_folders(path: str, file: str) -> None:
    status, fields, body = got(path)
    assert (status, body) == (200, FILES[file])
    assert fields["etag"] == tag(FILES[file])
    assert fields["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in fields
    assert got(path, "HEAD")[1] == fields


TRAVERSALS = [
    "", "..", "../index.html", "/..", "/../index.html", "/docs/../index.html", "/./index.html", "//index.html",
    "/docs//index.html", "/index.html/", "/docs/guide", "/docs/guide/", "/public/index.html", "/../app.py",
    "/..\\app.py", "\\index.html", "/docs\\index.html", "/index.html\0", "/index.html\0.txt", "/\0", "/%2e%2e/app.py",
    "/..%2fapp.py", "/%252e%252e%252fapp.py", "/\ufffd\ufffd/app.py", "/\u2025/app.py", "/\uff0e\uff0e/app.py",
    "/index.html;x", "/index.html ", " /index.html", "/INDEX.HTML", "/.env", "/.git/config", "/docs/.hidden/x.txt",
    "/.well-known", "/.well-known/", "/etc/passwd", "file:///etc/passwd", "/C:/index.html", "*", "/~", "/index.html/..",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_any_other_path_is_the_apps(path: str) -> None:
    assert ask(path) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "get"])
def test_any_other_method_is_the_apps(method: str) -> None:
    assert ask("/index.html", method) is None
    assert ask("/docs", method) is None


@given(st.text(max_size=20))
def test_nothing_is_served_but_what_is_there(path: str) -> None:
    reply = ask(path)
    assert reply is None or path.removeprefix("/") in {*FILES, "", "docs", "docs/"}


def test_a_folder_without_its_slash_is_elsewhere_and_keeps_its_query() -> None:
    status, fields, body = got("/docs", query="a=1&b=%0d%0a")
    assert (status, body) == (307, b"")
    assert fields == {"location": "docs/?a=1&b=%0d%0a", "cache-control": "no-cache"}
    assert got("/docs", "HEAD")[1]["location"] == "docs/"
    deep = StaticFiles({"a/b/index.html": b""}).reply(Request("id", "GET", "/a/b", "", [], b""))
    assert deep is not None
    assert b"location: b/\r\n" in deep.head


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.exe", "application/octet-stream"),
        ("a.html/b", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.", "application/octet-stream"),
    ],
)
def test_the_content_type_follows_the_name(path: str, kind: str) -> None:
    assert content_type(path).decode() == kind


@pytest.mark.parametrize(
    ("path", "lasts"),
    [
        ("app.3f2a9c1d.js", True),
        ("img/logo-0123456789abcdef.png", True),
        ("app.3f2a9c1d.min.js", True),
        ("app.3f2a9c1d.html", False),
        ("app.3f2a9c1.js", False),
        ("app.20261129.js", False),
        ("app-feedface.js", False),
        ("user-settings.js", False),
        ("3f2a9c1d.js", False),
        ("app.3F2A9C1D.js", False),
        ("v.3f2a9c1d/app.js", False),
    ],
)
def test_only_a_name_with_a_digest_is_kept_without_asking(path: str, lasts: bool) -> None:
    reply = StaticFiles({path: b"1"}).reply(Request("id", "GET", f"/{path}", "", [], b""))
    assert reply is not None
    wanted = b"cache-control: max-age=31536000, immutable\r\n" if lasts else b"cache-control: no-cache\r\n"
    assert wanted in reply.head


HOME = tag(FILES["index.html"])
OTHER = tag(b"other")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_none_match": HOME}, 304),
        ({"if_none_match": f"W/{HOME}"}, 304),
        ({"if_none_match": f"{OTHER}, {HOME}"}, 304),
        ({"if_none_match": " * "}, 304),
        ({"if_none_match": OTHER}, 200),
        ({"if_none_match": HOME.strip('"')}, 200),
        ({"if_none_match": ""}, 200),
        ({"if_none_match": HOME, "if_modified_since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 304),
        ({"if_none_match": OTHER, "if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
        ({"if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
        ({"if_unmodified_since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"if_match": HOME}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": f"{OTHER},{HOME}"}, 200),
        ({"if_match": OTHER}, 412),
        ({"if_match": f"W/{HOME}"}, 412),
        ({"if_match": ""}, 412),
        ({"if_match": OTHER, "if_none_match": HOME}, 412),
        ({"if_match": HOME, "if_none_match": HOME}, 304),
    ],
)
def test_conditions_are_judged_by_the_entity_tag_alone(headers: dict[str, str], status: int) -> None:
    for method in ("GET", "HEAD"):
        found, fields, body = got("/", method, **headers)
        assert found == status
        assert fields["etag"] == HOME
        assert body == (FILES["index.html"] if status == 200 else b"")


@pytest.mark.parametrize(
    ("value", "range_"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 5)),
        ("bytes=5-", (5, 10)),
        ("BYTES=5-99", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=-0", (10, 10)),
        ("bytes=10-", (10, 10)),
        ("bytes=99-100", (10, 10)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("bytes=0-1, bytes=3-4", None),
        ("bytes 0-1", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=0-" + "9" * 18, (0, 10)),
        ("bytes=0-" + "9" * 19, None),
        ("bytes=1_0-", None),
        ("bytes=0-1\n", (0, 2)),
    ],
)
def test_one_range_counts_and_anything_else_does_not(value: str, range_: tuple[int, int] | None) -> None:
    assert asked_range(value.encode(), 10) == range_


def test_an_empty_file_has_no_part() -> None:
    assert [asked_range(value, 0) for value in (b"bytes=0-", b"bytes=-1", b"bytes=0-0")] == [(0, 0)] * 3


@pytest.mark.parametrize(
    ("headers", "status", "part"),
    [
        ({"range": "bytes=1-2"}, 206, slice(1, 3)),
        ({"range": "bytes=1-2", "if_range": HOME}, 206, slice(1, 3)),
        ({"range": "bytes=1-2", "if_range": OTHER}, 200, slice(None)),
        ({"range": "bytes=1-2", "if_range": f"W/{HOME}"}, 200, slice(None)),
        ({"range": "bytes=1-2", "if_range": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200, slice(None)),
        ({"range": "bytes=9-1"}, 200, slice(None)),
        ({"range": "bytes=999-"}, 416, slice(0)),
        ({"range": "bytes=1-2", "if_none_match": HOME}, 304, slice(0)),
        ({"range": "bytes=1-2", "if_match": OTHER}, 412, slice(0)),
    ],
)
def test_a_part_is_sent_when_the_rest_is_the_same(headers: dict[str, str], status: int, part: slice) -> None:
    content = FILES["index.html"]
    found, fields, body = got("/", **headers)
    assert (found, body) == (status, content[part])
    if status == 206:
        assert fields["content-range"] == f"bytes 1-2/{len(content)}"
        assert fields["etag"] == HOME
    if status == 416:
        assert fields["content-range"] == f"bytes */{len(content)}"
    assert got("/", "HEAD", range="bytes=1-2")[0] == 200, "HEAD has no parts"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("GZIP;q=0.5, br;q=0.2", "gzip"),
        ("gzip;q=1, br;q=0", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("identity", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0", None),
        ("deflate", None),
        ("", None),
        ("br;q=high", None),
        ("br;q=nan", None),
        ("br;q=-1", None),
        ("br;q=1e3", None),
        ("br;q=9", "br"),
        ("br;level=3", "br"),
        ("xbr, brx", None),
        ("br, " + "x" * 300, None),
    ],
)
def test_a_caller_gets_the_best_encoding_that_they_take(accepted: str, encoding: str | None) -> None:
    assert chosen(accepted.encode(), {"", "br", "gzip"}) == encoding
    status, fields, body = got("/app.js", accept_encoding=accepted)
    wanted = FILES["app.js" + {"br": ".br", "gzip": ".gz", None: ""}[encoding]]
    assert (status, body, fields.get("content-encoding")) == (200, wanted, encoding)
    assert fields["vary"] == "accept-encoding"
    assert fields["content-type"] == "text/javascript; charset=utf-8"
    assert fields["etag"] == tag(wanted), "each encoding has a tag of its own"


def test_conditions_are_about_the_encoding_that_would_be_sent() -> None:
    plain, packed = tag(FILES["app.js"]), tag(FILES["app.js.gz"])
    assert got("/app.js", accept_encoding="gzip", if_none_match=packed)[0] == 304
    assert got("/app.js", accept_encoding="gzip", if_none_match=plain)[0] == 200
    assert got("/app.js", if_none_match=packed)[0] == 200
    status, fields, body = got("/app.js", accept_encoding="gzip", range="bytes=0-1")
    assert (status, body) == (206, FILES["app.js"][:2]), "a part is of the file as it is"
    assert "content-encoding" not in fields
    assert got("/app.js", accept_encoding="gzip", range="bytes=0-1", if_range=packed)[0] == 200


def test_fields_that_come_several_times_are_one_list() -> None:
    fields = [(b"if-none-match", OTHER.encode()), (b"if-none-match", HOME.encode())]
    reply = STATIC.reply(Request("id", "GET", "/", "", fields, b""))
    assert reply is not None
    assert reply.status == 304
    ranges = [(b"range", b"bytes=0-0"), (b"range", b"bytes=1-1")]
    reply = STATIC.reply(Request("id", "GET", "/", "", ranges, b""))
    assert reply is not None
    assert reply.status == 200


def test_a_whole_file_is_not_copied_for_a_request() -> None:
    assert ask("/app.js") is ask("/app.js")
    part = ask("/app.js", range="bytes=1-400")
    assert part is not None
    assert isinstance(part.body, memoryview)


TEXT = b"a word and another one, " * 100
LONG = hashlib.shake_128(b"x").hexdigest(1000).encode()


def compressible(**files: bytes) -> Callable[..., tuple[int, dict[str, str], bytes]]:
    static = StaticFiles({name.replace("_", "."): content for name, content in files.items()})

    def get(path: str, accepted: str) -> tuple[int, dict[str, str], bytes]:
        reply = static.reply(Request("id", "GET", path, "", [(b"accept-encoding", accepted.encode())], b""))
        assert reply is not None
        fields = dict(line.split(": ", 1) for line in reply.head.decode().split("\r\n")[1:-1])
        return reply.status, fields, bytes(reply.body)

    return get


def test_a_text_that_the_bundle_has_not_in_gzip_is_compressed_when_it_is_asked_for() -> None:
    get = compressible(page_html=TEXT, small_html=b"x", image_png=TEXT)
    _, fields, body = get("/page.html", "gzip")
    assert (gzip.decompress(body), fields["content-encoding"], fields["vary"]) == (TEXT, "gzip", "accept-encoding")
    _, plain, body = get("/page.html", "br")
    assert (body, plain["vary"]) == (TEXT, "accept-encoding")
    assert plain["etag"] != fields["etag"], "two forms are not equal byte by byte"
    assert get("/page.html", "gzip")[1]["etag"] == fields["etag"]
    for path in ("/small.html", "/image.png"):
        assert "content-encoding" not in get(path, "gzip")[1]


def test_the_bundles_own_forms_come_first() -> None:
    get = compressible(page_html=TEXT, page_html_gz=b"gz", other_html=TEXT, other_html_br=b"br")
    assert get("/page.html", "gzip")[2] == b"gz"
    assert get("/other.html", "gzip, br")[2] == b"br"
    assert gzip.decompress(get("/other.html", "gzip")[2]) == TEXT


def test_what_is_kept_in_gzip_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genapps_runtime.serve.static.files.COMPRESSED_BYTES", len(gzip.compress(LONG)) + 100)
    get = compressible(a_txt=LONG, b_txt=LONG)
    assert gzip.decompress(get("/a.txt", "gzip")[2]) == LONG
    _, fields, body = get("/b.txt", "gzip")
    assert (body, "content-encoding" in fields) == (LONG, False)
    assert gzip.decompress(get("/a.txt", "gzip")[2]) == LONG
