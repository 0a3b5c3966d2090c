# SPDX-License-Identifier: Apache-2.0
"""A lease that a gateway gives back is given back, also when the write was not made at first. Else it would count as
spent five minutes later, although nobody has spent it."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from genapps.cluster.errors import ConflictError, UnavailableError
from genapps.core.budgets.amounts import NOTHING
from genapps.gateway.budgets.spending import Reserved, SpendingUnavailableError
from tests.unit.gateway.budgets.replicas import Replica, leased, limited
from tests.unit.gateway.world import Store


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.mark.parametrize("error", [UnavailableError(0, "NoAnswer", "reset"), ConflictError(409, "Conflict", "changed")])
async def test_what_was_given_back_in_vain_is_given_back_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    one, other = (Replica(store, pod, limited(tokens=100)) for pod in "ab")
    await one.spend(tokens=1)

    async def fails(_: Any) -> NoReturn:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(store, "apply", fails)
        await one.pass_time(61)
    assert leased(store) != NOTHING
    await one.pass_time(2)
    await one.pass_time(2)
    assert leased(store) == NOTHING
    assert isinstance(await other.spend(tokens=99), Reserved)
    writes = store.writes
    await one.pass_time(2)
    assert store.writes == writes, "it is known to be given back"


async def test_a_lease_that_was_taken_unheard_and_is_not_needed_is_given_back(store: Store) -> None:
    one = Replica(store, "a", limited(tokens=100))
    store.lose_answers = True
    with pytest.raises(SpendingUnavailableError):
        await one.begin(tokens=1)
    store.lose_answers = False
    assert leased(store) != NOTHING
    await one.pass_time(31)
    assert leased(store) == NOTHING
