# SPDX-License-Identifier: Apache-2.0
"""The bundle of an app that is a component: the component, and the files that it gets when an instance starts."""

from typing import Any

import orjson

from genapps_runtime.bundle import PUBLIC, Bundle, Code, public_files, text_or_base64
from genapps_runtime.termination import Reason, RefusedError

COMPONENT_BYTES = 4 * 1024 * 1024
_MAGIC = b"\0asm"
_LAYERS = {b"\x01\0\0\0": "module", b"\x0d\0\x01\0": "component"}
"""What follows the magic bytes: the version and the layer of WebAssembly's two binary forms."""


def component_code(bundle: Bundle, log_bytes: int) -> Code:
    """The code as it is run. The component's `load` gets the other files but those below `public/`, as `data`.

    Raises RefusedError (CodeRejected) without a component in binary form, or for one of more than COMPONENT_BYTES.
    """
    component = bundle.files.get(bundle.entry)
    if component is None:
        raise RefusedError(Reason.CODE_REJECTED, f"the bundle has no entry file {bundle.entry!r}")
    if fault := _fault(component):
        raise RefusedError(Reason.CODE_REJECTED, f"{bundle.entry} {fault}")
    data = {
        path: text_or_base64(content)
        for path, content in bundle.files.items()
        if path != bundle.entry and not path.startswith(PUBLIC)
    }
    message: dict[str, Any] = {"entry": bundle.entry, "files": {}, "logBytes": log_bytes}
    loading = orjson.dumps(message | ({"data": data} if data else {})).decode()
    return Code(loading, public_files(bundle), component)


def _fault(component: bytes) -> str:
    """What is wrong with the file before anything looks into it, in words that follow its name."""
    if len(component) > COMPONENT_BYTES:
        return f"has {len(component)} bytes; a component has at most {COMPONENT_BYTES}"
    layer = _LAYERS.get(component[4:8]) if component.startswith(_MAGIC) else None
    if layer == "module":
        return "is a core module of WebAssembly, no component: build it for wasm32-wasip2"
    return "" if layer else "is no WebAssembly component in binary form"
