# SPDX-License-Identifier: Apache-2.0
"""Names with values of which a name may have several: headers in any case, parameters of a query, cookies."""

from collections.abc import Iterable, Mapping
from typing import Any


class Headers(dict[str, str]):
    """Header fields by name, in any case.

    A name that comes several times has one value in the mapping, joined with ", " (cookies with "; ") as RFC 9110
    says; `getlist` has each. A list as a value means several fields. As a plain dictionary it has names in lower case.
    """

    _repeated: dict[str, list[str]] | None = None
    """The values of names that come several times."""

    def __init__(self, fields: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /) -> None:
        super().__init__()
        self.update(fields)

    def __getitem__(self, name: str) -> str:
        return dict.__getitem__(self, name.lower())

    def __setitem__(self, name: str, value: Any) -> None:
        name = name.lower()
        if self._repeated:
            self._repeated.pop(name, None)
        if not isinstance(value, list | tuple):
            dict.__setitem__(self, name, str(value))
        elif not value:
            dict.pop(self, name, None)
        else:
            dict.__setitem__(self, name, str(value[0]))
            for one in value[1:]:
                self.add(name, one)

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self, name.lower())
        if self._repeated:
            self._repeated.pop(name.lower(), None)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and dict.__contains__(self, name.lower())

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of a name, or `default`."""
        return dict.get(self, name.lower(), default)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a name; returns its value, or `default`."""
        if self._repeated:
            self._repeated.pop(name.lower(), None)
        return dict.pop(self, name.lower(), *default)

    def setdefault(self, name: str, value: Any = "", /) -> str:
        """The value of a name, which becomes `value` if it has none."""
        if name not in self:
            self[name] = value
        return self[name]

    def update(self, fields: Any = (), /, **more: Any) -> None:
        """Set each of the fields; of pairs, a name that comes again is added."""
        if isinstance(fields, Headers):
            fields = fields.multi_items()
        if isinstance(fields, Mapping):
            for name, value in fields.items():
                self[name] = value
        else:
            pairs = [(name, value) for name, value in fields]
            for name in {name.lower() for name, _ in pairs}:
                self.pop(name, None)
            for name, value in pairs:
                self.add(name, value)
        for name, value in more.items():
            self[name] = value

    def add(self, name: str, value: Any) -> None:
        """Add a field and keep those of the same name, as for `Set-Cookie`."""
        name, text = name.lower(), str(value)
        if not dict.__contains__(self, name):
            dict.__setitem__(self, name, text)
            return
        if self._repeated is None:
            self._repeated = {}
        values = self._repeated.setdefault(name, [dict.__getitem__(self, name)])
        values.append(text)
        dict.__setitem__(self, name, ("; " if name == "cookie" else ", ").join(values))

    append = add

    def getlist(self, name: str) -> list[str]:
        """Each value of a name, in order; none is an empty list."""
        name = name.lower()
        if self._repeated and name in self._repeated:
            return list(self._repeated[name])
        return [dict.__getitem__(self, name)] if dict.__contains__(self, name) else []

    get_all = getlist

    def multi_items(self) -> list[tuple[str, str]]:
        """All fields as pairs, also those of a name that comes several times."""
        if not self._repeated:
            return list(self.items())
        return [(name, value) for name in self for value in self.getlist(name)]


def headers_of(described: dict[str, Any]) -> Headers:
    """The headers of a message from the host: names in lower case; of a repeated name there is a list of values."""
    found = Headers()
    for name, value in described.items():
        found[name] = value
    return found


class Values(dict[str, str]):
    """Values by name, of a query or a form: the last one of each name. `getlist` has all of a name."""

    __slots__ = ("_pairs",)
    _pairs: list[tuple[str, str]]

    def getlist(self, name: str) -> list[str]:
        """Each value of a name, in order; none is an empty list."""
        return [value for known, value in self._pairs if known == name]

    get_all = getlist

    def multi_items(self) -> list[tuple[str, str]]:
        """All pairs of name and value, in order."""
        return list(self._pairs)


def values_of(pairs: list[tuple[str, str]]) -> Values:
    """The values of these pairs."""
    found = Values(pairs)
    found._pairs = pairs  # noqa: SLF001  a constructor of its own would take longer
    return found


def cookies_of(header: str) -> dict[str, str]:
    """The cookies of a request by name: of a repeated name the first, which is the one of the longest path."""
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if equals:
            cookies.setdefault(name.strip(), value)
    return cookies
