# SPDX-License-Identifier: Apache-2.0
"""The manifest of a project, or of code alone, with the code in it."""

from __future__ import annotations

from typing import Any

from genapps.api.digests import INLINE_ENTRY, bundle_digest
from genapps.api.source import INLINE_BYTES
from genapps.cli.bundle.outputs import as_yaml, check_files, config_map, text_in_yaml
from genapps.laptop.named import Named, SourceError
from genapps.laptop.source import CODE_FOLDER, MANIFEST, AppSource, manifest_of, need_name, read_app, read_project

_MANIFESTS = frozenset({".yaml", ".yml", ".json"})


def rendered(named: Named, namespace: str, budget: str, tier: str) -> str:
    """The YAML of a GeneratedApp, and before it that of its ConfigMap if it needs one. Raises SourceError.

    `namespace`, `budget` and `tier` take the place of what the manifest says, unless they are empty.
    """
    if named.path.suffix in _MANIFESTS:
        raise SourceError(f"{named.path}: is a manifest already")
    for what, given in (("namespace", namespace), ("budget", budget), ("tier", tier)):
        if given:
            need_name(given, f"a {what}")
    source = read_app(named)
    manifest = _manifest(named, source)
    spec = manifest["spec"]
    spec.update({name: value for name, value in (("tier", tier), ("budget", budget)) if value})
    if namespace:
        manifest["metadata"] = {**manifest["metadata"], "namespace": namespace}
    files = dict(source.bundle.files)
    try:
        check_files(files)
        before, where = _source(source, manifest["metadata"])
    except ValueError as error:
        raise SourceError(f"{named.path}: {error}") from None
    digest = bundle_digest(source.bundle.entry, files)
    spec["code"] = {"language": spec["code"]["language"], "digest": digest, "source": where}
    return before + as_yaml(manifest)


def _manifest(named: Named, source: AppSource) -> dict[str, Any]:
    if (named.path / MANIFEST).is_file():
        value: dict[str, Any] = read_project(named)[0].value
        return {**value, "metadata": dict(value["metadata"]), "spec": dict(value["spec"])}
    return manifest_of(source.app.metadata.name, str(source.app.spec.code.language), ())


def _source(source: AppSource, metadata: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What stands before the app, and its `spec.code.source`. Raises ValueError for more than a ConfigMap holds."""
    bundle = source.bundle
    text = text_in_yaml(bundle.files[bundle.entry])
    alone = len(bundle.files) == 1 and bundle.entry == INLINE_ENTRY.get(source.app.spec.code.language)
    if alone and text and len(bundle.files[bundle.entry]) <= INLINE_BYTES:
        return "", {"inline": text}
    name = f"{metadata['name']}-{CODE_FOLDER}"[:253]
    written, items = config_map(bundle.files, name)
    if "namespace" in metadata:
        written = written.replace("metadata:\n", f"metadata:\n  namespace: {metadata['namespace']}\n", 1)
    where: dict[str, Any] = {"name": name, "entry": bundle.entry} | ({"items": items} if items else {})
    return f"{written}---\n", {"configMap": where}
