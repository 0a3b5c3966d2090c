# SPDX-License-Identifier: Apache-2.0
"""The most that a run namespace may hold, so that a fault of ours or a flood of a tenant's ends somewhere.

What the budgets that use it grant, plus what already stands there: a tier that shrinks or a budget that goes must
not keep the apps that run from being started again, nor may the state that its deleted apps leave take the room of
others. New pods beyond it are refused (`ChildRefused`).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from genapps.api import quantities
from genapps.api.appbudget import AppBudget, Tier
from genapps.api.apprecord import PARTS_KEPT, REVISIONS_KEPT, Record
from genapps.api.names import LABEL_MANAGED_BY, MANAGED_BY
from genapps.core.desired.pod import CPU_REQUEST_MILLICORES, RUNTIME_MEMORY, memory_bytes
from genapps.core.ephemeral_storage import LIMIT_BYTES, REQUEST_BYTES
from genapps.core.observed import Manifest

BOUNDS_NAME = "genapps"
CLAIMS_PER_APP = 2
"""As many again for the state of deleted apps within its retention; `checks.budget` holds each budget to it."""

_CONFIGMAPS_PER_APP = 2 * (REVISIONS_KEPT + 3) + PARTS_KEPT
"""Code and configuration of the revisions that are kept, of one that starts, and of some on their way out; and the
parts of what does not fit into one."""
_CONFIGMAPS_BESIDE = 4
"""The gateway's CA, the cluster's own."""
_OVERHEAD_MEMORY = 256 * 2**20
_OVERHEAD_MILLICORES = 250
"""What a RuntimeClass may add to a pod (Kata's is 160Mi and 250m); the operator does not read them."""


@dataclass(frozen=True, slots=True)
class _Size:
    """Of one app: bytes and thousandths of a core."""

    memory: int
    cpu: int
    claim: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """What one budget may have there."""

    budget: str
    apps: int
    largest: _Size

    @property
    def pods(self) -> int:
        # A pod that ends is still counted while its app's successor starts.
        return self.apps + -(-self.apps // 10)


def bounds(
    run_namespace: str,
    budgets: Iterable[AppBudget],
    records: Iterable[Record],
    claims: Iterable[int],
    *,
    runtime_classes: bool,
) -> tuple[Manifest, ...]:
    """ResourceQuota and LimitRange of a run namespace; none while no budget and no app uses it.

    `budgets` and `records` may be those of all run namespaces, `claims` are the sizes in bytes of what is there;
    `runtime_classes` says that pods may get one."""
    all_records = tuple(records)
    units = _units(run_namespace, budgets, all_records)
    if not units:
        return ()
    size = _largest(unit.largest for unit in units)
    left = tuple(_left(run_namespace, {unit.budget for unit in units}, all_records))
    there = tuple(claims)
    overhead = (_OVERHEAD_MEMORY, _OVERHEAD_MILLICORES) if runtime_classes else (0, 0)
    return (
        _manifest("ResourceQuota", run_namespace, {"hard": _hard(units, size, there, overhead, left)}),
        _manifest("LimitRange", run_namespace, {"limits": _limits(size, there)}),
    )


def _units(run_namespace: str, budgets: Iterable[AppBudget], records: Iterable[Record]) -> list[_Unit]:
    running: Counter[str] = Counter()
    sizes: dict[str, set[_Size]] = {}
    for record in records:
        if record.run_namespace == run_namespace and record.deleted_at is None:
            running[record.budget] += 1
            sizes.setdefault(record.budget, set()).add(_size(record.tier))
    granted: dict[str, int] = {}
    for budget in budgets:
        name = budget.metadata.name
        if budget.spec.run_namespace == run_namespace:
            granted[name] = budget.spec.policy.max_apps
            sizes.setdefault(name, set()).update(_size(tier) for tier in budget.spec.tiers.values())
    return [
        _Unit(name, max(granted.get(name, 0), running[name]), _largest(found)) for name, found in sorted(sizes.items())
    ]


@lru_cache(maxsize=256)
def _size(tier: Tier) -> _Size:
    return _Size(
        memory=memory_bytes(tier),
        cpu=quantities.millicores(tier.cpu),
        claim=quantities.byte_count(tier.state.claim),
    )


def _left(run_namespace: str, budgets: Collection[str], records: Iterable[Record]) -> Iterator[int]:
    """Sizes of the claims that deleted apps of budgets that are gone too still have: nobody's share has room for them,
    and no tenant can make more of them."""
    for record in records:
        if record.run_namespace == run_namespace and record.deleted_at is not None and record.budget not in budgets:
            yield _size(record.tier).claim


def _largest(sizes: Iterable[_Size]) -> _Size:
    found = tuple(sizes)
    return _Size(
        memory=max(size.memory for size in found),
        cpu=max(size.cpu for size in found),
        claim=max(size.claim for size in found),
    )


def _hard(
    units: Sequence[_Unit], size: _Size, claims: Sequence[int], overhead: tuple[int, int], left: Sequence[int]
) -> dict[str, str]:
    apps, pods = sum(unit.apps for unit in units), sum(unit.pods for unit in units)
    memory = quantities.memory(sum(unit.pods * (unit.largest.memory + overhead[0]) for unit in units))
    storage = sum(CLAIMS_PER_APP * unit.apps * unit.largest.claim for unit in units)
    # A claim keeps its size when its tier shrinks.
    storage += sum(min(claim, size.claim) for claim in left) + sum(max(0, claim - size.claim) for claim in claims)
    return {
        "pods": quantities.count(pods),
        "services": quantities.count(pods),
        "persistentvolumeclaims": quantities.count(CLAIMS_PER_APP * apps + len(left)),
        "configmaps": quantities.count(_CONFIGMAPS_BESIDE + _CONFIGMAPS_PER_APP * pods),
        "requests.memory": memory,
        "limits.memory": memory,
        "limits.cpu": quantities.cpu(sum(unit.pods * (unit.largest.cpu + overhead[1]) for unit in units)),
        "requests.ephemeral-storage": quantities.memory(pods * REQUEST_BYTES),
        "limits.ephemeral-storage": quantities.memory(pods * LIMIT_BYTES),
        "requests.storage": quantities.memory(storage),
    }


def _limits(size: _Size, claims: Sequence[int]) -> list[Manifest]:
    most = {
        "cpu": quantities.cpu(size.cpu),
        "memory": quantities.memory(size.memory),
        "ephemeral-storage": quantities.memory(LIMIT_BYTES),
    }
    # A container that says nothing gets the least; ours say everything.
    least = {
        "cpu": quantities.cpu(CPU_REQUEST_MILLICORES),
        "memory": quantities.memory(RUNTIME_MEMORY),
        "ephemeral-storage": quantities.memory(2**20),
    }
    # A claim is checked whenever anything of it is written, one from before its tier shrank too.
    claim = quantities.memory(max((size.claim, *claims)))
    return [
        {"type": "Container", "max": most, "min": least, "default": least, "defaultRequest": least},
        {"type": "PersistentVolumeClaim", "max": {"storage": claim}},
    ]


def _manifest(kind: str, run_namespace: str, spec: Manifest) -> Manifest:
    metadata = {"name": BOUNDS_NAME, "namespace": run_namespace, "labels": {LABEL_MANAGED_BY: MANAGED_BY}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
