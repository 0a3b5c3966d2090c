# SPDX-License-Identifier: Apache-2.0
"""The languages that are read before they run: which one a file is in, and its scan."""

from collections.abc import Callable, Mapping

from genapps.api.bundles import COMPONENT_SUFFIX
from genapps.api.modules import javascript
from genapps.api.source import Language
from genapps.core.code.component import scan_component
from genapps.core.code.javascript.scan import scan_javascript
from genapps.core.code.scan import scan_python
from genapps.core.observed import SourceProblem

Scan = Callable[[str, Mapping[str, bytes]], SourceProblem | None]
"""From the entry and the files by path to why they certainly do not load."""

SCANS: Mapping[Language, Scan] = {
    Language.PYTHON: scan_python,
    Language.JAVASCRIPT: scan_javascript,
    Language.COMPONENT: scan_component,
}


def language_of(entry: str) -> Language | None:
    """The language of an entry file by its name; None for one that no scan reads."""
    if entry.endswith(".py"):
        return Language.PYTHON
    if entry.endswith(COMPONENT_SUFFIX):
        return Language.COMPONENT
    return Language.JAVASCRIPT if entry.endswith(javascript.SUFFIXES) else None
