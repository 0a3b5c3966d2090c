# SPDX-License-Identifier: Apache-2.0
"""The app's files as modules, beside those of the standard library that an app may import."""

import builtins
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Never

from app_modules import VENDORED, AppModules, ModuleNotAvailable
from stdlib import listed
from stdlib.stored import Stored
from stdlib.tree import APP

_PACKAGES = VENDORED.removeprefix(f"{APP}/") + "/"
APP_BUILTINS: dict[str, Any] = {}
"""What app code has for builtins. Copied while the engine is built: a copy writes to every object in it."""


def keep_builtins() -> None:
    """Copy the builtins for apps; when everything in them is replaced that has to be."""
    APP_BUILTINS.update(vars(builtins))


class _Nothing:
    """The last finder of the finished engine: what is neither loaded nor stored does not exist."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Never:
        error = ModuleNotAvailable(name)
        error.name = None  # else `from package import name` would pass it on as a missing attribute
        raise error


class Bundle:
    """The app's files by their paths. `load` runs the entry; the other files run when they are imported."""

    def __init__(self, entry: str, files: Mapping[str, str], others: Iterable[str] = ()) -> None:
        """`files` have the code, `others` are the paths of the rest. Raises ValueError for a module named genapps."""
        self.awaits = any("asyncio" in text for path, text in files.items() if not path.startswith(_PACKAGES))
        """Whether the code imports asyncio: its own files may do that late."""
        APP_BUILTINS["__import__"] = self._import
        self._modules = AppModules(entry, files, others, APP_BUILTINS)

    def load(self) -> ModuleType:
        """Run the entry. Raises what the app's code raises, and ModuleNotAvailable."""
        sys.meta_path[:] = [self._modules, Stored, _Nothing]
        return self._modules.load_entry()

    def own_files(self) -> list[str]:
        """The files that were loaded and belong to no package of others."""
        return [path for path in self._modules.loaded if not path.startswith(_PACKAGES)]

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002  the signature is Python's
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        about = globals or {}
        if level and about.get("__package__"):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        top, dot, inner = name.partition(".")
        vendored = str(about.get("__file__")).startswith(VENDORED)
        if vendored and top == "asyncio":
            self.awaits = True
        own = self._modules.names.get(top)
        # Python's own C code comes here too when an app calls it (json.loads, strptime), with a list and not a tuple.
        if level < 2 and own is not None and not isinstance(fromlist, list) and (own == top or not vendored):
            return builtins.__import__(f"{own}{dot}{inner}", globals, locals, fromlist or (), 0)
        # The list of modules is a promise, not a boundary: that is the WebAssembly instance. Packages were written
        # without it: they get all that the engine has.
        if level == 0 and (vendored or name in listed.IMPORTABLE or isinstance(fromlist, list)):
            if not vendored and name == "http" and "server" in (fromlist or ()):
                raise ModuleNotAvailable("http.server")
            return builtins.__import__(name, globals, locals, fromlist or (), 0)
        raise ModuleNotAvailable(name or ".")
