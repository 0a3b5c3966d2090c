# SPDX-License-Identifier: Apache-2.0
"""The modules that a bundle's files make, found by name as the engine finds them (`app_modules` there)."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from genapps.api.modules import PYTHON_MODULES
from genapps.core.code.imports import Import

VENDORED = "site-packages/"
"""Where packages are that others wrote."""
NATIVE = (".so", ".pyd", ".dylib")
_SUFFIX = ".py"
_PACKAGE = "/__init__.py"
_PYTHONS = frozenset(name.partition(".")[0] for name in PYTHON_MODULES)
LONGEST = 253
"""Characters of a path."""
READ_CHARACTERS = 1024 * 1024
"""Of packages whose words are kept: those of hostile text take forty times as many bytes. What comes then may define
any name."""
_WORD = re.compile(r"\w+|\*")
_DEFINE_ALL = ("*", "__getattr__", "globals", "vars")
_MAKES_MODULES = re.compile(r"\b(?:sys|modules|meta_path|__path__)\b")


class BundleModules:
    """`texts` are the files with code by path, `others` the paths of the rest."""

    def __init__(self, entry: str, texts: Mapping[str, str], others: Iterable[str]) -> None:
        self._texts = texts
        self._native = {_without_suffixes(path): path for path in others if path.endswith(NATIVE)}
        self._folders = {path[:end] for path in (*texts, *self._native) for end in _slashes(path)}
        self._roots = dict.fromkeys(("", entry[: entry.rfind("/") + 1], VENDORED))
        self._entrys = entry.partition("/")[0]
        """The folder at the top that the entry is in."""
        self._words: dict[str, Counter[str] | None] = {}
        self._readable = READ_CHARACTERS
        self._making: dict[str, bool] = {}

    def place(self, file: str, one: Import) -> str | None:
        """The path of a module without its suffix, as `file` imports it; None for a module of Python or of nobody.

        The path may be that of a folder, and of a module that is not there: then the package that it is in is.
        """
        if one.level:
            return self._relative(file, one)
        top, *inner = one.module.split(".")
        if file.startswith(VENDORED) and top in _PYTHONS:
            return None  # the engine gives Python's to packages, whatever the app calls its own
        spaces = []
        for root in self._roots:
            whole = f"{root}{top}"
            if self.files(whole) or whole in self._native:
                return "/".join([whole, *inner])
            if whole in self._folders and (top not in _PYTHONS or whole == self._entrys):
                spaces.append("/".join([whole, *inner]))
        return next((place for place in spaces if self._is_there(place)), spaces[0] if spaces else None)

    def files(self, place: str) -> list[str]:
        """The file of the module at a place, if there is one."""
        return [path for path in (f"{place}{_PACKAGE}", f"{place}{_SUFFIX}") if path in self._texts][:1]

    def executed(self, place: str, name: str | None = None, by: str = "") -> Iterator[str]:
        """The files that run when the module is imported, and `name` from it, `by` a file: packages before what is
        in them.
        """
        if len(place) <= LONGEST:  # else hostile text with thousands of dots would take minutes
            for end in (*_slashes(place), len(place)):
                yield from self.files(place[:end])
        if name is not None and not self._may_define(place, name, by):
            yield from self.files(f"{place}/{name}")

    def imported(self, file: str, one: Import) -> Iterator[str]:
        """The files of the bundle that run when `file` imports it."""
        if (place := self.place(file, one)) is not None:
            yield from self.executed(place, one.name, file)

    def native(self, place: str, name: str | None, by: str) -> str | None:
        """The file with native code that the import needs for certain."""
        inner = f"{place}/{name}"
        if name is not None and inner in self._native and not self._may_define(place, name, by):
            place = inner
        return None if self.files(place) else self._native.get(place)

    def lacks(self, place: str) -> bool:
        """Whether nothing is there for certain: a package can make modules while it runs."""
        if self._is_there(place):
            return False
        top = place[len(VENDORED) if place.startswith(VENDORED) else 0 :].partition("/")[0]
        if top not in self._making:
            within = (f"{top}/", f"{VENDORED}{top}/", f"{top}{_SUFFIX}", f"{VENDORED}{top}{_SUFFIX}")
            own = (text for path, text in self._texts.items() if path.startswith(within))
            self._making[top] = any(_MAKES_MODULES.search(text) for text in own)
        return not self._making[top]

    def _relative(self, file: str, one: Import) -> str | None:
        """Below the folder of the file. A file at the top has no package: there it is a module beside it."""
        folders = file.split("/")[:-1]
        if not folders and one.level == 1 and self.files(one.module.partition(".")[0]):
            return one.module.replace(".", "/")
        above = folders[: len(folders) - one.level + 1]
        root = VENDORED.rstrip("/")
        if not folders or one.level > len(folders) or above == [root]:
            return None
        return "/".join([*above, *filter(None, one.module.split("."))])

    def _is_there(self, place: str) -> bool:
        return bool(self.files(place)) or place in self._folders or place in self._native

    def _may_define(self, place: str, name: str, by: str) -> bool:
        """Whether the package itself may have that name: then no module is imported for it."""
        for path in self.files(place):
            if path not in self._words:
                self._words[path] = self._words_of(self._texts[path])
            words = self._words[path]
            if words is None or words[name] > (path == by) or any(word in words for word in _DEFINE_ALL):
                return True
        return False

    def _words_of(self, text: str) -> Counter[str] | None:
        """How often each word is there; None when too much was read already."""
        if len(text) > self._readable:
            return None
        self._readable -= len(text)
        return Counter(found[0] for found in _WORD.finditer(text))


def _slashes(path: str) -> list[int]:
    return [place for place, letter in enumerate(path) if letter == "/"]


def _without_suffixes(path: str) -> str:
    """Native modules have names such as `name.cpython-314-x86_64-linux-gnu.so`."""
    folder, slash, file = path.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"
