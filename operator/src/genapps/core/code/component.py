# SPDX-License-Identifier: Apache-2.0
"""Can this file be a component? Its first bytes say. The rest the runtime finds out, where that can harm nobody."""

from collections.abc import Mapping

from genapps.api.bundles import COMPONENT_BYTES, COMPONENT_SUFFIX
from genapps.core.code.problems import rejected
from genapps.core.observed import SourceProblem
from genapps.core.text import plain

_MAGIC = b"\0asm"
_LAYERS = {b"\x01\0\0\0": "module", b"\x0d\0\x01\0": "component"}
"""What follows the magic bytes: the version and the layer of WebAssembly's two binary forms."""


def scan_component(entry: str, files: Mapping[str, bytes]) -> SourceProblem | None:
    """Why the entry certainly is no component; None where nothing is certain."""
    if not entry.endswith(COMPONENT_SUFFIX):
        return rejected(f"The entry {plain(entry, 100)} is not a component. Name a file that ends in .wasm.")
    fault = _fault(files.get(entry, b""))
    return rejected(f"{plain(entry, 100)} {fault}", entry, 1) if fault else None


def _fault(component: bytes) -> str:
    if len(component) > COMPONENT_BYTES:
        return f"has {len(component)} bytes. A component has at most {COMPONENT_BYTES}. Make it smaller."
    layer = _LAYERS.get(component[4:8]) if component.startswith(_MAGIC) else None
    if layer == "module":
        return "is a core module of WebAssembly, no component. Build it for wasm32-wasip2."
    return "" if layer else "is no WebAssembly component in binary form. Build it for wasm32-wasip2."
