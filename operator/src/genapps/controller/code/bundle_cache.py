# SPDX-License-Identifier: Apache-2.0
"""A few MiB of what was fetched, so that the passes of one app do not fetch it again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, Protocol, TypeVar

from genapps.api.bundles import BUNDLE_BYTES

CACHED_BYTES = 2 * BUNDLE_BYTES
"""Two of the largest: what was just fetched stays until the pass that asked for it."""
_ENTRY_BYTES = 1024
"""What a bundle costs beside its content, so that a thousand tiny ones are bounded as well."""


class Files(Protocol):
    """Anything that holds files."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Contents by path."""


K = TypeVar("K", bound=Hashable)
F = TypeVar("F", bound=Files)


class BundleCache(Generic[K, F]):
    """The bundles used last, within CACHED_BYTES."""

    def __init__(self) -> None:
        self._bundles: OrderedDict[K, F] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> F | None:
        """The bundle, which counts as used now; None when it is not here."""
        found = self._bundles.get(key)
        if found is not None:
            self._bundles.move_to_end(key)
        return found

    def put(self, key: K, bundle: F) -> None:
        """Keep a bundle; those used longest ago make room."""
        known = self._bundles.pop(key, None)
        self._bytes += _size(bundle) - (_size(known) if known is not None else 0)
        self._bundles[key] = bundle
        while self._bytes > CACHED_BYTES:
            self._bytes -= _size(self._bundles.popitem(last=False)[1])

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._bytes


def _size(bundle: Files) -> int:
    return _ENTRY_BYTES + sum(len(name) + len(content) for name, content in bundle.files.items())
