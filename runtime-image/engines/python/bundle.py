# SPDX-License-Identifier: Apache-2.0
"""The app's files as modules, beside those of the standard library that an app may import."""

import builtins
import linecache
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Never

from stdlib import listed
from stdlib.app_files import path_of, spec_of
from stdlib.stored import Stored


class ModuleNotAvailable(ModuleNotFoundError):  # noqa: N818  the name of the reason that users see
    """An import of a module that is neither on the list nor in the bundle."""

    def __init__(self, name: str) -> None:
        sentence = listed.in_place_of(name) or "`genapps modules` prints the list."
        super().__init__(f"module not available to apps: {name}. {sentence}", name=name)


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
    """The app's files by name. `load` runs the entry; the other files run when they are imported."""

    def __init__(self, entry: str, files: Mapping[str, str]) -> None:
        self.entry = entry
        self.sources = {name.removesuffix(".py"): text for name, text in files.items() if name.endswith(".py")}
        self.modules: dict[str, ModuleType] = {}
        self.builtins = APP_BUILTINS
        self.builtins["__import__"] = self._import

    def uses(self, module: str) -> bool:
        """Whether the name of this module is in any of the files; it may be imported late."""
        return any(module in text for text in self.sources.values())

    def load(self) -> None:
        """Run the entry. Raises what the app's code raises, and ModuleNotAvailable."""
        sys.meta_path[:] = [Stored, _Nothing]
        self._module(self.entry.removesuffix(".py"))

    def _module(self, name: str) -> ModuleType:
        if name in self.modules:
            return self.modules[name]
        filename, text = f"{name}.py", self.sources[name]
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        code = compile(text, filename, "exec", flags=0, dont_inherit=True)
        module = self.modules[name] = ModuleType(name)
        module.__dict__.update(__builtins__=self.builtins, __file__=path_of(name), __spec__=spec_of(name))
        # Dataclasses and typing look a module up by name; a standard module keeps its name.
        sys.modules.setdefault(name, module)
        exec(code, module.__dict__)  # noqa: S102  this is what the engine is for
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002  the signature is Python's
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name in self.sources:
            return self._module(name)
        # Python's own C code comes here too when an app calls it (json.loads, strptime), with a list and not a tuple.
        # The list of modules is a promise, not a boundary: that is the WebAssembly instance.
        if level == 0 and (name in listed.IMPORTABLE or isinstance(fromlist, list)):
            return builtins.__import__(name, globals, locals, fromlist or (), 0)
        raise ModuleNotAvailable(name or ".")
