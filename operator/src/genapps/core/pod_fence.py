# SPDX-License-Identifier: Apache-2.0
"""What of a pod the fence rests on, field by field: the live pod's whole spec against what was asked for.

Admission may change anything between our apply and the stored pod. What is not in this table is accepted as it is (pull
policy, requests, tolerations, labels, environment, containers beside ours); what is in it must be as asked.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from sys import intern
from typing import Any

import orjson

from genapps.core.observed import Manifest

CONTAINER = "runtime"
"""Admission may put other containers beside it: ours is found by its name, never by its place."""
VOLUMES = ("config", "code", "gateway", "token", "state", "tmp")
"""The volumes that our container mounts. Admission may add others, for other containers."""

_USER_FIELDS = ("runAsUser", "runAsGroup", "fsGroup", "supplementalGroups")
_ADDED_FIELDS = frozenset(
    {*_USER_FIELDS, "seLinuxOptions", "seLinuxChangePolicy", "appArmorProfile", "supplementalGroupsPolicy"}
)
"""Of a security context: who runs is a field of its own; the others only ever confine more, as Pod Security sees to."""
_DEFAULTS = (("procMount", "Default"), ("privileged", False))
_DIGEST_CHARACTERS = 12
_LONGEST_PLAIN = 63


def _container(pod: Manifest) -> Mapping[str, Any]:
    containers = pod["spec"].get("containers") or ()
    return next((one for one in containers if one.get("name") == CONTAINER), {})


def _image(pod: Manifest) -> str:
    """A mirror may serve it from another host: with a digest the content is the same. A tag alone says nothing."""
    image = str(_container(pod).get("image", ""))
    return image.rpartition("@")[2]


def _security(context: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in (context or {}).items()
        if name not in _ADDED_FIELDS and value is not None and (name, value) not in _DEFAULTS
    }
    capabilities = kept.get("capabilities") or {}
    if "ALL" in (capabilities.get("drop") or ()):
        kept["capabilities"] = {"drop": ["ALL"], **({"add": add} if (add := capabilities.get("add")) else {})}
    return kept


def _user(pod: Manifest) -> list[Any] | None:
    """None when it is left to the cluster."""
    both = (pod["spec"].get("securityContext") or {}, _container(pod).get("securityContext") or {})
    found = [context.get(field) for context in both for field in _USER_FIELDS]
    return found if any(value is not None for value in found) else None


def _volumes(pod: Manifest) -> dict[str, Any]:
    return {
        volume["name"]: {
            kind: {name: value for name, value in source.items() if name != "defaultMode"}
            for kind, source in volume.items()
            if isinstance(source, dict)
        }
        for volume in pod["spec"].get("volumes") or ()
        if volume.get("name") in VOLUMES
    }


def _mounts(pod: Manifest) -> list[Any]:
    container = _container(pod)
    mounts = [
        {name: value for name, value in mount.items() if value not in (None, False, "", "None", "Disabled")}
        for mount in container.get("volumeMounts") or ()
    ]
    return [*sorted(mounts, key=lambda mount: str(mount.get("mountPath"))), *(container.get("volumeDevices") or ())]


def _proof(pod: Manifest) -> list[Any]:
    """Where readiness is asked for: it is what proves the fence. How often does not matter."""
    get = (_container(pod).get("readinessProbe") or {}).get("httpGet") or {}
    return [get.get("path"), get.get("port"), get.get("scheme") or "HTTP", get.get("host")]


def _dns(pod: Manifest) -> Any:
    config = pod["spec"].get("dnsConfig") or {}
    return [config.get("nameservers") or [], config.get("searches") or []]


def _flag(name: str) -> Callable[[Manifest], bool]:
    return lambda pod: bool(pod["spec"].get(name))


_OURS = f"spec.containers[{CONTAINER}]"
FIELDS: dict[str, Callable[[Manifest], Any]] = {
    "spec.serviceAccountName": lambda pod: pod["spec"].get("serviceAccountName", ""),
    "spec.automountServiceAccountToken": lambda pod: pod["spec"].get("automountServiceAccountToken") is not False,
    "spec.hostNetwork": _flag("hostNetwork"),
    "spec.hostPID": _flag("hostPID"),
    "spec.hostIPC": _flag("hostIPC"),
    "spec.shareProcessNamespace": _flag("shareProcessNamespace"),
    "spec.hostUsers": lambda pod: pod["spec"].get("hostUsers"),
    "spec.runtimeClassName": lambda pod: pod["spec"].get("runtimeClassName"),
    "spec.dnsPolicy": lambda pod: pod["spec"].get("dnsPolicy", ""),
    "spec.dnsConfig": _dns,
    "spec.hostAliases": lambda pod: pod["spec"].get("hostAliases") or [],
    "spec.securityContext": lambda pod: _security(pod["spec"].get("securityContext")),
    "spec.securityContext.runAsUser": _user,
    "spec.volumes": _volumes,
    f"{_OURS}.image": _image,
    f"{_OURS}.command": lambda pod: _container(pod).get("command") or [],
    f"{_OURS}.args": lambda pod: _container(pod).get("args") or [],
    f"{_OURS}.lifecycle": lambda pod: _container(pod).get("lifecycle") or {},
    f"{_OURS}.securityContext": lambda pod: _security(_container(pod).get("securityContext")),
    f"{_OURS}.volumeMounts": _mounts,
    f"{_OURS}.readinessProbe": _proof,
}
"""What must be as asked, by the name that people read. None means: not asked for, so the cluster may choose."""

NOT_ASKED = "null"
"""The digest of None."""


def fence(pod: Manifest) -> tuple[str, ...]:
    """A short digest for each of `FIELDS`, in their order, of a live pod or of a manifest."""
    known = {"spec": {}, **pod}
    return tuple(_digest(of(known)) for of in FIELDS.values())


def mutated(live: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The names of the fields in which a live pod's `fence` is not the one that was asked for."""
    pairs = zip(FIELDS, live, asked, strict=True)
    return tuple(name for name, found, wanted in pairs if wanted not in (NOT_ASKED, found))


def seal(asked: Sequence[str]) -> str:
    """All of a `fence` in one text: which fields were asked for (bits of a hex number), and a digest over those."""
    bits = sum(1 << place for place, digest in enumerate(asked) if digest != NOT_ASKED)
    return f"{bits:x}-{_sealed(asked, bits)}"


def stands(live: Sequence[str], sealed: str) -> bool:
    """Whether a live pod's fence still is the one of the seal that it was created with."""
    bits, _, digest = sealed.partition("-")
    try:
        return _sealed(live, int(bits, 16)) == digest
    except ValueError:
        return False


def _sealed(digests: Sequence[str], bits: int) -> str:
    return _hashed(" ".join(digest for place, digest in enumerate(digests) if bits >> place & 1).encode())


def _digest(value: Any) -> str:
    # Most values are the same in every pod, and short: as they are, and kept once.
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return intern(text.decode() if len(text) <= _LONGEST_PLAIN else _hashed(text))


def _hashed(text: bytes) -> str:
    return sha256(text).hexdigest()[:_DIGEST_CHARACTERS]
