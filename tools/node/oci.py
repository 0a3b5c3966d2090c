# SPDX-License-Identifier: Apache-2.0
"""Packs a static program as an OCI image archive: how the node gets images of its own without a registry."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"


def pack(program: Path, image: str, archive: Path) -> None:
    """Write an OCI archive whose only file is the program, which it runs. The same input gives the same bytes."""
    layer = _tar({program.name: program.read_bytes()}, mode=0o755)
    config: Mapping[str, Any] = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"], "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs: dict[str, bytes] = {}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _stored(blobs, json.dumps(config).encode(), "config.v1+json"),
        "layers": [_stored(blobs, layer, "layer.v1.tar")],
    }
    top = _stored(blobs, json.dumps(manifest).encode(), "manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": image}
    index = {"schemaVersion": 2, "manifests": [top]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}
    archive.write_bytes(_tar(files, mode=0o644))


def _stored(blobs: dict[str, bytes], content: bytes, kind: str) -> dict[str, Any]:
    digest = _digest(content)
    blobs[f"blobs/sha256/{digest.removeprefix('sha256:')}"] = content
    return {"mediaType": f"{OCI}.{kind}", "digest": digest, "size": len(content)}


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return output.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
