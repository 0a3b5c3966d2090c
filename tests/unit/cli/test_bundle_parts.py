# SPDX-License-Identifier: Apache-2.0
"""The parts of `genapps bundle`: lock files, wheels from anybody, keys of a ConfigMap."""

import base64
import io
import zipfile

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from genapps.cli.bundle.lock import read_lock
from genapps.cli.bundle.outputs import config_map, keys_of
from genapps.cli.bundle.wheels import WHEEL_BYTES, WHEEL_FILES, WheelError, read_wheel
from tests.support.packages import wheel, zipped

HASH = "a" * 64


def test_a_lock_is_read_as_pip_compile_and_uv_write_it() -> None:
    text = (
        "#\n# by pip-compile\n"
        f"Jinja2==3.1.6 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{'b' * 64}\n    # via flask\n"
        f"zope.interface[test]==1.0 ; python_version >= '3.9' --hash=sha256:{HASH}  # via x\n\n"
    )
    lock = read_lock(text)
    assert lock.keys() == {"jinja2", "zope-interface"}
    assert (set(lock["jinja2"][0].hashes), lock["jinja2"][0].marked) == ({HASH, "b" * 64}, False)
    assert lock["zope-interface"][0].marked


@pytest.mark.parametrize(
    "line",
    [
        "flask", "flask>=3", "flask==3", f"flask==3 --hash=md5:{'a' * 32}", f"flask==3 --hash=sha256:{'a' * 63}",
        "-r other.txt", "-e .", "--index-url https://example.com", "./flask.whl", "flask @ https://example.com/a.whl",
        f"flask==3 --hash=sha256:{HASH} --pre", f"flask==3; os_name == 'a --hash=sha256:{HASH}'\n-e .",
    ],
)  # fmt: skip
def test_a_lock_with_anything_but_pins_and_hashes_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_lock(f"good==1 --hash=sha256:{HASH}\n{line}\n")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", wheel("a", {"a.py": b""})[:-30], zipped({"a.py": b""})])
def test_what_is_no_wheel_is_refused(content: bytes) -> None:
    with pytest.raises(WheelError, match="is no wheel"):
        read_wheel(content)


def test_a_wheel_whose_files_are_damaged_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", b"x = 1\n" * 100)
    content = bytearray(packed.getvalue())
    content[30 + len("a.py")] = 0xFF  # behind the header of the first file: no way to compress has this number
    with pytest.raises(WheelError, match="is no wheel"):
        read_wheel(bytes(content))


def test_a_wheel_with_more_than_any_bundle_is_refused_before_it_is_unpacked() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", b"\0" * (WHEEL_BYTES + 1))
    with pytest.raises(WheelError, match=f"more than {WHEEL_FILES} files or {WHEEL_BYTES} bytes"):
        read_wheel(packed.getvalue())
    with pytest.raises(WheelError, match=f"more than {WHEEL_FILES} files"):
        read_wheel(zipped({f"{number}.py": b"" for number in range(WHEEL_FILES + 1)}))


_PART = st.from_regex(r"\A[a-b_.-]{1,3}\Z").filter(lambda part: not part.startswith(".."))


@given(st.lists(st.lists(_PART, min_size=1, max_size=3).map("/".join), unique=True, min_size=1, max_size=20))
def test_no_two_paths_have_the_same_key(paths: list[str]) -> None:
    keys = keys_of(paths)
    assert keys.keys() == set(paths)
    assert len(set(keys.values())) == len(paths)
    assert not any("/" in key for key in keys.values())


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_a_config_map_holds_any_content_exactly(content: bytes) -> None:
    manifest, _ = config_map({"a.txt": content}, "a")
    found = yaml.safe_load(manifest)
    text = found.get("data", {}).get("a.txt")
    binary = found.get("binaryData", {}).get("a.txt")
    assert (text.encode() if text is not None else base64.b64decode(binary)) == content
