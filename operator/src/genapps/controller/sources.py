"""An app's code as its source holds it now: a live read, never a cached one that the digest was not computed from."""

from __future__ import annotations

from collections import OrderedDict

from genapps.api.generatedapp import GeneratedApp
from genapps.api.names import LABEL_SOURCE
from genapps.cluster.client import Client, Object
from genapps.cluster.errors import NotFound
from genapps.cluster.resources import CONFIG_MAP
from genapps.controller.collection import Collection
from genapps.core.observed import Bundle, SourceProblem
from genapps.core.source import source_of

_KEPT_BYTES = 8 * 1024 * 1024
_ENTRY_BYTES = 1024
"""What a bundle costs beside its content, so that a thousand tiny ones are bounded as well."""


class Sources:
    """Reads bundles. Contents are kept by resource version within a few MiB, so that the passes of one app, and
    the events of its pod, do not fetch the same megabyte again."""

    def __init__(self, client: Client, labelled: Collection[str]) -> None:
        self._client = client
        self._labelled = labelled
        self._kept: OrderedDict[tuple[str, str, str, str], Bundle] = OrderedDict()
        self._bytes = 0

    async def bundle(self, app: GeneratedApp) -> Bundle | SourceProblem:
        """The app's files, or why there are none. Raises ApiError when the API server does not answer."""
        source = app.spec.code.source.config_map
        if source is None:
            return source_of(app.spec.code, None)
        namespace, name = app.metadata.namespace, source.name
        version = self._labelled.get((namespace, name))
        if version is not None and (kept := self._kept.get((namespace, name, source.entry, version))) is not None:
            self._kept.move_to_end((namespace, name, source.entry, version))
            return kept
        live = await self._read(namespace, name)
        found = source_of(app.spec.code, live)
        if isinstance(found, Bundle) and live is not None:
            self._keep((namespace, name, source.entry, live["metadata"]["resourceVersion"]), found)
        return found

    async def _read(self, namespace: str, name: str) -> Object | None:
        """Content is fetched of labelled ones only; of any other ConfigMap nobody asked us to read it."""
        try:
            live = await self._client.get(CONFIG_MAP, namespace, name, metadata_only=True)
            if (live["metadata"].get("labels") or {}).get(LABEL_SOURCE) == "true":
                live = await self._client.get(CONFIG_MAP, namespace, name)
        except NotFound:
            return None
        return live

    def _keep(self, key: tuple[str, str, str, str], bundle: Bundle) -> None:
        known = self._kept.pop(key, None)
        self._bytes += _size(bundle) - (_size(known) if known else 0)
        self._kept[key] = bundle
        while self._bytes > _KEPT_BYTES:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(bundle: Bundle) -> int:
    return _ENTRY_BYTES + sum(len(name) + len(content) for name, content in bundle.files.items())
