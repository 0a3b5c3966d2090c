# SPDX-License-Identifier: Apache-2.0
"""Pulling code from a registry that may be anything but honest."""

import base64
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genapps.api.addresses import is_public
from genapps.api.reasons import Reason
from genapps.registry.artifact import Artifact, PullError, Reference
from genapps.registry.pull import Access, _PublicResolver, pull
from tests.support.registry import MANIFEST, TITLE, Registry, digest_of, manifest

FILES = {"app.py": b"import words\n", "words.py": b"", "data.bin": bytes(range(256))}
TAR = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"
LIMIT = 1024 * 1024
TOKEN = "/token?scope=repository:team/app:pull&service=tests"


async def refused(reference: str, access: Access) -> PullError:
    with pytest.raises(PullError) as refusal:
        await pull(Reference.parse(reference), access)
    return refusal.value


def blob(reference: str, content: bytes) -> str:
    return f"/v2/{Reference.parse(reference).repository}/blobs/{digest_of(content)}"


async def test_the_files_of_an_artifact_are_its_layers_by_title(registry: Registry, access: Access) -> None:
    assert await pull(Reference.parse(registry.push(FILES)), access) == Artifact(None, FILES)
    assert registry.asked[0][1]["Accept"] == MANIFEST


async def test_the_manifest_may_name_the_entry(registry: Registry, access: Access) -> None:
    found = await pull(Reference.parse(registry.push(FILES, entry="words.py")), access)
    assert found.entry == "words.py"


async def test_equal_files_are_fetched_once(registry: Registry, access: Access) -> None:
    files = {"a.py": b"same", "b.py": b"same", "empty": b""}
    assert (await pull(Reference.parse(registry.push(files)), access)).files == files
    assert len(registry.asked) == 3


def layer(**changes: Any) -> dict[str, Any]:
    base = {"digest": digest_of(b"x"), "size": 1, "annotations": {TITLE: "app.py"}, "mediaType": "text/plain"}
    return {**base, **changes}


def titled(name: Any) -> dict[str, Any]:
    return layer(annotations={TITLE: name})


def packed(title: str, **changes: Any) -> dict[str, Any]:
    return layer(annotations={TITLE: title, "io.deis.oras.content.unpack": "true"}, **changes)


MANIFESTS = [
    ("an index of images", manifest([], mediaType=INDEX), Reason.SOURCE_INVALID, "not the one of an index"),
    ("an older schema", manifest([layer()], schemaVersion=1), Reason.SOURCE_INVALID, "does not name an application/"),
    ("a manifest without layers", manifest([]), Reason.SOURCE_INVALID, "no layers"),
    ("a layer that is a text", manifest(["x"]), Reason.SOURCE_INVALID, "not an object"),  # type: ignore[list-item]
    ("a container image", manifest([layer(annotations={})]), Reason.SOURCE_INVALID, "not a container image"),
    ("layers of a container image", manifest([layer(annotations={}, mediaType=TAR)] * 2), Reason.SOURCE_INVALID,
        "not a container image"),
    ("a path that leads upwards", manifest([titled("../app.py")]), Reason.SOURCE_INVALID, "invalid path '../app.py'"),
    ("a path from the root", manifest([titled("/app.py")]), Reason.SOURCE_INVALID, "invalid path"),
    ("a path of nine parts", manifest([titled("1/2/3/4/5/6/7/8/9")]), Reason.SOURCE_INVALID, "at most 8 parts"),
    ("the folder above", manifest([titled("..")]), Reason.SOURCE_INVALID, "invalid path"),
    ("a name of the kubelet's", manifest([titled("..data")]), Reason.SOURCE_INVALID, "invalid path"),
    ("a name that is no text", manifest([titled(7)]), Reason.SOURCE_INVALID, "invalid path"),
    ("a name with a line break", manifest([titled("app.py\n")]), Reason.SOURCE_INVALID, "invalid path"),
    ("a name without end", manifest([titled("x" * 254)]), Reason.SOURCE_INVALID, "invalid path"),
    ("two files of one name", manifest([layer(), layer()]), Reason.SOURCE_INVALID, "the same path"),
    ("a weak digest", manifest([layer(digest="md5:00")]), Reason.SOURCE_INVALID, "not a sha256"),
    ("a digest that is a path", manifest([layer(digest="sha256:../../x")]), Reason.SOURCE_INVALID, "not a sha256"),
    ("a size below nothing", manifest([layer(size=-1)]), Reason.SOURCE_INVALID, "not a number"),
    ("a size that is no number", manifest([layer(size="1")]), Reason.SOURCE_INVALID, "not a number"),
    ("an entry that is no text", manifest([layer()], annotations={"dev.genapps.entry": 1}), Reason.SOURCE_INVALID,
        "not a string"),
    ("a file beyond the limit", manifest([layer(size=LIMIT + 1)]), Reason.SOURCE_TOO_LARGE, f"the maximum is {LIMIT}"),
    ("files beyond the limit together",
        manifest([*(titled(f"a/{n}") | {"size": LIMIT} for n in range(8)), titled("b")]),
        Reason.SOURCE_TOO_LARGE, f"{8 * LIMIT + 1} bytes"),
    ("a packed folder beyond the limit", manifest([packed("src", size=8 * LIMIT + 1)]), Reason.SOURCE_TOO_LARGE,
        f"{8 * LIMIT + 1} bytes"),
    ("too many files", manifest([titled(f"{n}.py") for n in range(513)]), Reason.SOURCE_TOO_LARGE, "513 files"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "reason", "says"), [row[1:] for row in MANIFESTS], ids=[row[0] for row in MANIFESTS])
async def test_what_is_no_bundle_is_refused_before_any_blob_is_fetched(
    registry: Registry, access: Access, said: dict[str, Any], reason: Reason, says: str
) -> None:
    found = await refused(registry.put(said), access)
    assert found.reason is reason
    assert says in str(found)
    assert len(registry.asked) == 1


async def test_another_manifest_than_the_one_with_the_digest_is_refused(registry: Registry, access: Access) -> None:
    reference = registry.push(FILES)
    registry.contents[next(path for path in registry.contents if "/manifests/" in path)] = json.dumps({}).encode()
    found = await refused(reference, access)
    assert found.reason is Reason.SOURCE_INVALID
    assert "a manifest with digest" in str(found)


async def test_a_manifest_that_is_no_json_is_refused(registry: Registry, access: Access) -> None:
    raw = b"[" * 10_000
    registry.contents[f"/v2/team/app/manifests/{digest_of(raw)}"] = raw
    assert (await refused(f"{registry.host}/team/app@{digest_of(raw)}", access)).reason is Reason.SOURCE_INVALID


async def test_a_manifest_without_end_is_not_read_to_its_end(registry: Registry, access: Access) -> None:
    raw = b" " * (256 * 1024 + 1)
    registry.contents[f"/v2/team/app/manifests/{digest_of(raw)}"] = raw
    assert "more than the expected 262144 bytes" in str(
        await refused(f"{registry.host}/team/app@{digest_of(raw)}", access)
    )


@pytest.mark.parametrize(
    "content", [b"other", b"imp", b"import words\n" + b"x" * LIMIT], ids=["other", "short", "long"]
)
async def test_another_content_than_the_manifest_says_is_refused(
    registry: Registry, access: Access, content: bytes
) -> None:
    reference = registry.push({"app.py": b"import words\n"})
    registry.contents[blob(reference, b"import words\n")] = content
    assert (await refused(reference, access)).reason is Reason.SOURCE_INVALID


async def test_what_is_not_there_is_not_found(registry: Registry, access: Access) -> None:
    found = await refused(f"{registry.host}/team/app@{digest_of(b'')}", access)
    assert found.reason is Reason.SOURCE_NOT_FOUND


async def test_an_error_of_the_registry_is_no_verdict_on_the_code(registry: Registry, access: Access) -> None:
    reference = registry.push({"app.py": b"x"})
    registry.statuses[blob(reference, b"x")] = 503
    found = await refused(reference, access)
    assert found.reason is Reason.SOURCE_UNAVAILABLE
    assert "status 503" in str(found)


async def test_a_registry_that_is_gone_is_unavailable(registry: Registry, access: Access) -> None:
    found = await refused(f"localhost:1/team/app@{digest_of(b'')}", access)
    assert found.reason is Reason.SOURCE_UNAVAILABLE
    assert registry.asked == []


async def test_a_registry_that_never_answers_is_unavailable_after_a_while(access: Access) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reference = f"localhost:{silent.getsockname()[1]}/team/app@{digest_of(b'')}"
        found = await refused(reference, replace(access, seconds=0.2))
    assert found.reason is Reason.SOURCE_UNAVAILABLE
    assert "the registry does not answer (TimeoutError)" in str(found)


async def test_a_registry_of_an_unknown_authority_is_not_talked_to(registry: Registry) -> None:
    found = await refused(registry.push(FILES), Access())
    assert "certificate is not trusted" in str(found)
    assert registry.asked == []


REDIRECTS = [
    ("plain http", "http://localhost/x", "an address without https"),
    ("a file", "file:///etc/passwd", "an invalid address"),
    ("the metadata service", "https://169.254.169.254/latest", "not public"),
    ("this machine by number", "https://2130706433/x", "not public"),
    ("this machine by hexadecimal number", "https://0x7f.1/x", "not public"),
    ("this machine by address", "https://127.0.0.1:6443/x", "not public"),
    ("this machine by IPv6", "https://[::1]/x", "not public"),
    ("this machine by IPv4 in IPv6", "https://[::ffff:127.0.0.1]/x", "not public"),
    ("a short name", "https://kubernetes/x", "not public"),
    ("the same host on another port", "https://localhost:6443/x", "not public"),
    ("somewhere with a password", "https://user:secret@example.com/x", "an address without https"),
]


@pytest.mark.parametrize(("location", "says"), [row[1:] for row in REDIRECTS], ids=[row[0] for row in REDIRECTS])
async def test_a_redirect_to_where_we_must_not_go_is_not_followed(
    registry: Registry, access: Access, location: str, says: str
) -> None:
    reference = registry.push({"app.py": b"x"})
    registry.redirects[blob(reference, b"x")] = location
    found = await refused(reference, access)
    assert found.reason is Reason.SOURCE_UNAVAILABLE
    assert says in str(found)
    assert len(registry.asked) == 2


async def test_a_name_that_resolves_to_a_private_address_is_not_connected_to() -> None:
    resolver = _PublicResolver(is_public)
    with pytest.raises(PullError, match="not public"):
        await resolver.resolve("localhost", 443)
    assert [one["host"] for one in await resolver.resolve("93.184.216.34", 443)] == ["93.184.216.34"]
    await resolver.close()


async def test_blobs_may_be_elsewhere_and_credentials_do_not_go_there(registry: Registry, access: Access) -> None:
    reference = registry.push({"app.py": b"x"})
    registry.redirects[blob(reference, b"x")] = f"https://127.0.0.1:{registry.port}/elsewhere"
    registry.redirects["/elsewhere"] = "/here"
    registry.contents["/here"] = b"x"
    registry.challenge, registry.authorization = 'Bearer realm="{origin}/token",service="tests"', "Bearer t0ken"
    registry.contents["/token"] = b'{"token": "t0ken"}'
    public = replace(access, public=lambda address: address == "127.0.0.1")
    assert (await pull(Reference.parse(reference), public)).files == {"app.py": b"x"}
    sent = {path: headers.get("Authorization") for path, headers in registry.asked}
    assert sent["/elsewhere"] is None
    assert sent["/here"] is None
    assert sent[blob(reference, b"x")] == "Bearer t0ken"


async def test_redirects_have_an_end(registry: Registry, access: Access) -> None:
    reference = registry.push({"app.py": b"x"})
    registry.redirects[blob(reference, b"x")] = "/1"
    registry.redirects |= {f"/{number}": f"/{number + 1}" for number in range(1, 10)}
    assert "more than 3 times" in str(await refused(reference, access))
    assert registry.paths[2:] == ["/1", "/2", "/3"]


def credentials(directory: Path, **auths: Any) -> Path:
    file = directory / ".dockerconfigjson"
    file.write_text(json.dumps({"auths": {key.replace("__", "/"): value for key, value in auths.items()}}))
    return file


async def test_a_token_is_fetched_with_the_login_and_for_this_repository_only(
    registry: Registry, access: Access, tmp_path: Path
) -> None:
    reference = registry.push(FILES)
    registry.challenge = 'Bearer realm="{origin}/token",service="tests",scope="registry:catalog:*"'
    registry.authorization = "Bearer t0ken"
    registry.contents["/token"] = b'{"access_token": "t0ken"}'
    login = base64.b64encode(b"robot:secret").decode()
    file = credentials(tmp_path, **{f"{registry.host}/team": {"auth": login}})
    assert (await pull(Reference.parse(reference), replace(access, credentials=file))).files == FILES
    assert registry.paths.count(TOKEN) == 1
    assert dict(registry.asked)[TOKEN]["Authorization"] == f"Basic {login}"


async def test_a_registry_may_ask_for_the_login_itself(registry: Registry, access: Access, tmp_path: Path) -> None:
    login = base64.b64encode(b"robot:secret").decode()
    registry.challenge, registry.authorization = 'Basic realm="tests"', f"Basic {login}"
    auths = {f"https://{registry.host}/v1/": {"username": "robot", "password": "secret"}}
    file = credentials(tmp_path, **auths)
    reference = registry.push(FILES)
    assert (await pull(Reference.parse(reference), replace(access, credentials=file))).files == FILES


@pytest.mark.parametrize("challenge", ['Basic realm="tests"', 'Bearer realm="{origin}/refused"', "Digest x", "Bearer"])
async def test_without_a_login_a_closed_registry_is_unavailable(
    registry: Registry, access: Access, challenge: str
) -> None:
    registry.challenge, registry.authorization = challenge, "Bearer t0ken"
    registry.statuses["/refused"] = 401
    found = await refused(registry.push(FILES), access)
    assert found.reason is Reason.SOURCE_UNAVAILABLE
    assert len(registry.asked) <= 2


@pytest.mark.parametrize("key", ["registry.example", "{host}/other", "{host}/te", "other.{host}"])
async def test_the_login_of_another_registry_is_not_sent(
    registry: Registry, access: Access, tmp_path: Path, key: str
) -> None:
    auths = {key.format(host=registry.host): {"username": "robot", "password": "secret"}}
    registry.challenge = 'Basic realm="tests"'
    found = await refused(registry.push(FILES), replace(access, credentials=credentials(tmp_path, **auths)))
    assert "credentialsSecret" in str(found)
    assert all("Authorization" not in headers for _, headers in registry.asked)


@pytest.mark.parametrize(
    "realm", ["https://auth.example.com/token", "http://{host}/token", "https://u:p@{host}/t", "x"]
)
async def test_tokens_come_from_the_registry_or_a_listed_host_only(
    registry: Registry, access: Access, tmp_path: Path, realm: str
) -> None:
    auths = {registry.host: {"username": "robot", "password": "secret"}}
    registry.challenge = f'Bearer realm="{realm.format(host=registry.host)}"'
    found = await refused(registry.push(FILES), replace(access, credentials=credentials(tmp_path, **auths)))
    assert found.reason is Reason.SOURCE_UNAVAILABLE
    assert len(registry.asked) == 1


@pytest.mark.parametrize("answer", [b"{}", b"no", b'{"token": "a\\r\\nb"}', b'{"token": 1}', b"[]", b" " * 70_000])
async def test_a_token_that_is_none_is_not_used(registry: Registry, access: Access, answer: bytes) -> None:
    registry.challenge = 'Bearer realm="{origin}/token"'
    registry.contents["/token"] = answer
    await refused(registry.push(FILES), access)
    assert len(registry.asked) == 2


@pytest.mark.parametrize("text", ["", "no", '{"auths": []}', '{"auths": {"localhost": "x"}}', "[]"])
async def test_a_file_of_credentials_that_is_none_means_no_login(
    registry: Registry, access: Access, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    reference = registry.push(FILES)
    assert (await pull(Reference.parse(reference), replace(access, credentials=file))).files == FILES


@pytest.mark.parametrize("text", ["r/a:tag", "r/a", "r/../b@{d}", "r@{d}", "r/A@{d}", "r/a@{d}\n", "https://r/a@{d}"])
def test_only_references_by_digest_are_references(text: str) -> None:
    with pytest.raises(ValueError, match="not an image reference"):
        Reference.parse(text.format(d=digest_of(b"")))
