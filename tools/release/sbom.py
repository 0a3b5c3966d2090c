# SPDX-License-Identifier: Apache-2.0
"""The bill of materials of an image's Python part, as CycloneDX JSON, from its lock file.

A lock is universal; listed is what an image has: the packages whose marker holds for CPython on Linux. Two runs over
the same lock give the same bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

IMAGE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""The markers' environment in the images, whose base has Python 3.13."""

_PINNED = re.compile(r"^(?P<requirement>[A-Za-z0-9][^\\#]*==[^\\#]*?)\s*\\?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the bill is of."""

    name: str
    version: str
    lock: str
    """The text of the lock file."""
    built_with: tuple[tuple[str, str], ...] = ()
    """Name and version of further packages whose parts end up in the image."""


def pinned(lock: str) -> Iterator[tuple[str, str]]:
    """Name and version of each package that the lock puts into an image."""
    for match in _PINNED.finditer(lock):
        requirement = Requirement(match["requirement"])
        if requirement.marker is None or requirement.marker.evaluate(IMAGE):
            (pin,) = requirement.specifier
            yield requirement.name, pin.version


def sbom(subject: Subject, at: datetime) -> str:
    """The bill as JSON text; `at` is the moment that it names as its own."""
    root = _component(subject.name, subject.version, ComponentType.APPLICATION)
    root.licenses.add(LicenseExpression("Apache-2.0"))
    parts = [_component(name, version) for name, version in pinned(subject.lock)]
    for name, version in subject.built_with:
        part = _component(name, version)
        part.properties.add(Property(name="genapps:role", value="builds a guest engine, and brings what it is made of"))
        parts.append(part)
    bom = Bom(
        components=parts,
        metadata=BomMetaData(component=root, timestamp=at),
        serial_number=uuid5(NAMESPACE_URL, f"https://genapps.dev/sbom/{subject}"),
    )
    bom.register_dependency(root, parts)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(name: str, version: str, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    url = PackageURL("pypi", None, name, version)
    return Component(name=name, version=version, type=kind, purl=url, bom_ref=url.to_string())
