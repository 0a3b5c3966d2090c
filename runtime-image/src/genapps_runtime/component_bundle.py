# SPDX-License-Identifier: Apache-2.0
"""The bundle of an app that is a component: the component, and the files that it gets when an instance starts."""

from genapps_runtime.bundle import PUBLIC, Bundle, Code, entry_of, message_of, public_files, text_or_base64
from genapps_runtime.termination import Reason, RefusedError

COMPONENT_BYTES = 4 * 1024 * 1024
_MAGIC = b"\0asm"
_LAYERS = {b"\x01\0\0\0": "module", b"\x0d\0\x01\0": "component"}
"""What follows the magic bytes: the version and the layer of WebAssembly's two binary forms."""


def component_code(bundle: Bundle, log_bytes: int) -> Code:
    """The code as it is run. The component's `load` gets the other files but those below `public/`, as `data`.

    Raises RefusedError (CodeRejected) without a component in binary form, or for one of more than COMPONENT_BYTES.
    """
    component = entry_of(bundle)
    if fault := _fault(component):
        raise RefusedError(Reason.CODE_REJECTED, f"{bundle.entry} {fault}")
    data = {
        path: text_or_base64(content)
        for path, content in bundle.files.items()
        if path != bundle.entry and not path.startswith(PUBLIC)
    }
    return Code(message_of(bundle.entry, {}, data, log_bytes), public_files(bundle), component)


def _fault(component: bytes) -> str:
    """What is wrong with the file before anything looks into it, in words that follow its name."""
    if len(component) > COMPONENT_BYTES:
        return f"has {len(component)} bytes; a component has at most {COMPONENT_BYTES}"
    layer = _LAYERS.get(component[4:8]) if component.startswith(_MAGIC) else None
    if layer == "module":
        return "is a core module of WebAssembly, no component: build it for wasm32-wasip2"
    return "" if layer else "is no WebAssembly component in binary form"
