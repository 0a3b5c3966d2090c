# SPDX-License-Identifier: Apache-2.0
"""genapps.d.ts names what apps find in the engine, and nothing else."""

import re
from pathlib import Path

from genapps_runtime.guest.engine import Language
from tests.support.guest import AppInEngine

ROOT = Path(__file__).resolve().parents[3]
TYPES = ROOT / "runtime-image" / "engines" / "javascript" / "types" / "genapps.d.ts"
APP = """
const names = (value) => Object.getOwnPropertyNames(value).filter((name) => !name.startsWith("_"));
export default {
  fetch() {
    const found = {};
    for (const name of names(globalThis)) {
      const value = globalThis[name];
      const made = typeof value === "function" ? [...names(value.prototype ?? {}), ...names(value)] : [];
      const parent = Object.getPrototypeOf(value?.prototype ?? {});
      if (/^(Request|Response)$/.test(name)) made.push(...names(parent));
      found[name] = name === "console" ? names(value) : made;
    }
    return Response.json(found);
  },
};
"""
OF_EVERY_CLASS = {"constructor", "length", "name", "prototype"}
REFUSED = {"encrypt", "decrypt", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"}
"""Methods of `crypto.subtle` that only reject."""
LANGUAGE = """
AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean
DataView Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array
Function Infinity Int16Array Int32Array Int8Array InternalError Iterator JSON Map Math NaN Number Object
Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol
SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet
decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat
parseInt undefined unescape
"""
"""What the language itself has, with what the engine has beside ES2023."""


def found(engine: Language) -> dict[str, set[str]]:
    answer = AppInEngine(engine, APP, "app.js", "javascript").call("GET", "/")
    return {name: set(members) - OF_EVERY_CLASS for name, members in answer.json().items()}


def declared() -> dict[str, set[str]]:
    """Names of globals, with the members of classes and of `console`."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", TYPES.read_text(), flags=re.DOTALL)
    names: dict[str, set[str]] = {name: set() for name in re.findall(r"declare (?:function|const) (\w+)", text)}
    for name, members in re.findall(r"declare (?:class|const) (\w+)[^;{]*\{\n(.*?)\n\}", text, flags=re.DOTALL):
        names[name] = set(re.findall(r"^  (?:static )?(?:readonly )?(\w+)[<(:?]", members, flags=re.MULTILINE))
        names[name] -= OF_EVERY_CLASS
    (body,) = re.findall(r"interface Body \{\n(.*?)\n\}", text, flags=re.DOTALL)
    for name in ("Request", "Response"):
        names[name] |= set(re.findall(r"^  (?:readonly )?(\w+)[<(:]", body, flags=re.MULTILINE))
    return names


def test_every_declared_name_exists_with_its_members(javascript: Language) -> None:
    here = found(javascript)
    errors = {"name", "message", "code"}  # an error's own, or its prototype's
    for name, members in declared().items():
        assert name in here, name
        assert members - here[name] <= (errors if name == "DOMException" else set()), name


def test_what_the_platform_adds_is_declared(javascript: Language) -> None:
    known = declared()
    added = {name: members for name, members in found(javascript).items() if name not in LANGUAGE.split()}
    assert set(added) == set(known)
    for name, members in added.items():
        codes = {member for member in members if name == "DOMException" and member.endswith("_ERR")}
        assert members - known[name] - codes <= (REFUSED if name == "SubtleCrypto" else set()), name
