# SPDX-License-Identifier: Apache-2.0
"""An app's code as its source holds it now: a live read, never a cached one that the digest was not computed from."""

from __future__ import annotations

from collections.abc import Iterable

from genapps.api.generatedapp import GeneratedApp
from genapps.api.names import LABEL_SOURCE
from genapps.api.source import ConfigMapSource, ImageSource
from genapps.cluster.client import Client
from genapps.cluster.errors import NotFoundError
from genapps.cluster.resources import CONFIG_MAP, Object
from genapps.controller.cache.children import ImageSnapshot
from genapps.controller.cache.keys import AppKey
from genapps.controller.cache.store import Store
from genapps.controller.code.bundle_cache import BundleCache
from genapps.controller.code.image_pulls import ImagePulls
from genapps.core.code.source import from_image, source_of
from genapps.core.observed import Bundle, NotAsked, Snapshotted, SourceProblem


class Sources:
    """Reads bundles. Contents are kept by resource version, so that the passes of one app, and the events of its pod,
    do not fetch the same megabyte again."""

    def __init__(self, client: Client, labelled: Store[str], pulls: ImagePulls) -> None:
        self._client = client
        self._labelled = labelled
        self._pulls = pulls
        self._bundles: BundleCache[tuple[str, ConfigMapSource, str], Bundle] = BundleCache()

    async def bundle(
        self, app: GeneratedApp, snapshots: Iterable[ImageSnapshot] = (), *, may_pull: bool = False
    ) -> Bundle | Snapshotted | SourceProblem | NotAsked:
        """The app's files, or why there are none. Raises ApiError when the API server does not answer.

        `snapshots` are those that the app has of images; without `may_pull` no registry is asked."""
        source = app.spec.code.source
        if source.image is not None:
            return self._image(app, source.image, snapshots, may_pull=may_pull)
        if source.config_map is None:
            return source_of(app.spec.code, None)
        namespace, name = app.metadata.namespace, source.config_map.name
        version = self._labelled.get((namespace, name))
        if version is not None and (kept := self._bundles.get((namespace, source.config_map, version))) is not None:
            return kept
        live = await self._read(namespace, name)
        found = source_of(app.spec.code, live)
        if isinstance(found, Bundle) and live is not None:
            self._bundles.put((namespace, source.config_map, live["metadata"]["resourceVersion"]), found)
        return found

    def _image(
        self, app: GeneratedApp, image: ImageSource, snapshots: Iterable[ImageSnapshot], *, may_pull: bool
    ) -> Bundle | Snapshotted | SourceProblem | NotAsked:
        if not may_pull:
            return NotAsked()
        for snapshot in snapshots:
            if snapshot.image == image.digest:
                return snapshot.code
        pulled = self._pulls.get(image.reference, AppKey(app.metadata.namespace, app.metadata.name))
        if isinstance(pulled, SourceProblem):
            return pulled
        return from_image(app.spec.code, image, pulled.entry, pulled.files)

    async def _read(self, namespace: str, name: str) -> Object | None:
        """Content is fetched of labelled ones only; of any other ConfigMap nobody asked us to read it."""
        try:
            live = await self._client.get(CONFIG_MAP, namespace, name, metadata_only=True)
            if (live["metadata"].get("labels") or {}).get(LABEL_SOURCE) == "true":
                live = await self._client.get(CONFIG_MAP, namespace, name)
        except NotFoundError:
            return None
        return live
