# SPDX-License-Identifier: Apache-2.0
"""The app's modules say where their files are, for `importlib.resources`, `pkgutil.get_data` and `inspect`."""

from importlib.machinery import ModuleSpec
from pathlib import Path

from stdlib import tree


class AppLoader:
    """The loader of the app's modules, as far as others ask it."""

    @staticmethod
    def get_resource_reader(_name: str) -> "type[AppLoader]":
        """Itself: all modules of an app are in one folder."""
        return AppLoader

    @staticmethod
    def files() -> Path:
        """The folder."""
        return Path(tree.APP)

    @staticmethod
    def get_data(path: str) -> bytes:
        """The content of a file. Raises OSError."""
        return Path(path).read_bytes()

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Python makes it."""


def spec_of(name: str) -> ModuleSpec:
    """The spec of a module of the app."""
    return ModuleSpec(name, AppLoader, origin=path_of(name))  # type: ignore[arg-type]


def path_of(name: str) -> str:
    """Its file."""
    return f"{tree.APP}/{name}.py"
