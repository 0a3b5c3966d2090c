# SPDX-License-Identifier: Apache-2.0
"""Puts functions of ours in place of Python's, wherever a module or a class has taken one of them by name."""

import sys
from types import FunctionType, ModuleType
from typing import Any


class Replacements:
    """Collected first: looking through all modules takes a while."""

    def __init__(self) -> None:
        self._by_old: dict[int, tuple[Any, Any]] = {}  # by identity, with the old one so that it lives on

    def add(self, old: Any, new: Any) -> None:
        """`new` for `old`."""
        self._by_old[id(old)] = (old, new)

    def put(self, module: ModuleType, name: str, new: Any) -> None:
        """`new` as that name of a module, and for what had the name before."""
        if hasattr(module, name):
            self.add(getattr(module, name), new)
        setattr(module, name, new)

    def carry_out(self) -> None:
        """Replace, in all modules that are loaded and in their classes and functions."""
        for module in list(sys.modules.values()):
            if module.__name__.partition(".")[0] != "stdlib":
                self._in(module, module.__name__)

    def _in(self, holder: Any, module: str) -> None:
        for name, value in list(vars(holder).items()):
            inner = value.__func__ if isinstance(value, staticmethod) else value
            if (found := self._by_old.get(id(inner))) is not None:
                setattr(holder, name, staticmethod(found[1]) if inner is not value else found[1])
            elif isinstance(inner, FunctionType):
                self._in_defaults(inner)
            elif isinstance(value, type) and value.__module__ == module and isinstance(holder, ModuleType):
                self._in(value, module)

    def _in_defaults(self, function: FunctionType) -> None:
        if function.__defaults__:
            function.__defaults__ = tuple(self._by_old.get(id(one), (0, one))[1] for one in function.__defaults__)
        if function.__kwdefaults__:
            named = function.__kwdefaults__.items()
            function.__kwdefaults__ = {name: self._by_old.get(id(one), (0, one))[1] for name, one in named}
