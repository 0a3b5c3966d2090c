# SPDX-License-Identifier: Apache-2.0
"""What the enforcer's table means: a reader of exactly what `compile_table` writes, for the pods' own chains."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

CHAIN = re.compile(r"\tchain (ingress|egress)_([0-9_]+) \{\n(.*?)\n\t\}", re.DOTALL)
MATCH = re.compile(
    r"(ct original ip saddr|ct reply ip saddr|meta l4proto|ct reply proto-src) (!= )?(\{ [^}]* \}|\S+)\s*"
)
OTHER_END = {"ingress": "ct original ip saddr", "egress": "ct reply ip saddr"}


class UnreadRuleError(Exception):
    """A rule that this reader does not know: it must not be passed over."""


@dataclass(frozen=True)
class Match:
    """One comparison of a rule; values are spans of numbers, or the name of a protocol."""

    subject: str
    negated: bool
    spans: tuple[tuple[int, int], ...]
    protocols: tuple[str, ...]

    def holds(self, other: int, protocol: str, port: int) -> bool:
        if self.subject == "meta l4proto":
            found = protocol in self.protocols
        else:
            number = port if self.subject == "ct reply proto-src" else other
            found = any(first <= number <= last for first, last in self.spans)
        return found != self.negated


@dataclass(frozen=True)
class Rule:
    """All matches must hold for the verdict."""

    matches: tuple[Match, ...]
    passes: bool


@dataclass(frozen=True)
class Table:
    """Chains by direction and the pod's address; a pod without a chain is not isolated in that direction."""

    chains: dict[tuple[str, str], tuple[Rule, ...]]

    @classmethod
    def read(cls, text: str) -> "Table":
        """Raises UnreadRuleError."""
        chains = {}
        for direction, address, body in CHAIN.findall(text):
            _comment, *lines = (line.strip() for line in body.split("\n"))
            chains[direction, address.replace("_", ".")] = tuple(_rule(line, direction) for line in lines)
        return cls(chains)

    def lets(self, direction: str, pod: str, other: str, protocol: str, port: int) -> bool:
        """Whether the chain of `pod` lets through what comes from, or goes to, `other`; `port` is the server's."""
        rules = self.chains.get((direction, pod))
        if rules is None:
            return True
        number = int(ipaddress.ip_address(other))
        return next(rule.passes for rule in rules if all(each.holds(number, protocol, port) for each in rule.matches))


def _rule(line: str, direction: str) -> Rule:
    match, _, verdict = line.rpartition(" ")
    if verdict not in {"return", "drop"}:
        raise UnreadRuleError(line)
    return Rule(tuple(_matches(match, line, direction)), verdict == "return")


def _matches(text: str, line: str, direction: str) -> Iterator[Match]:
    at = 0
    while at < len(text):
        found = MATCH.match(text, at)
        if found is None or (found[1].endswith("saddr") and found[1] != OTHER_END[direction]):
            raise UnreadRuleError(line)
        values = found[3].strip("{ }").split(", ")
        protocols = tuple(value.upper() for value in values) if found[1] == "meta l4proto" else ()
        yield Match(found[1], bool(found[2]), () if protocols else tuple(map(_span, values)), protocols)
        at = found.end()


def _span(value: str) -> tuple[int, int]:
    if "." in value:
        network = ipaddress.IPv4Network(value)
        return int(network.network_address), int(network.broadcast_address)
    first, _, last = value.partition("-")
    return int(first), int(last or first)
