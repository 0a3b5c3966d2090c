# SPDX-License-Identifier: Apache-2.0
"""The suspended app that tests of suspension and of its acknowledgement begin with."""

from genapps.api.apprecord import Record
from tests.unit.core.world import World, ledger

ID = "0123456789abcdef" * 2


def suspended() -> World:
    """An app that ran, broke its rules three times and is suspended; its pod is gone."""
    world = World().run()
    world.later(minutes=5)
    world.ledger = ledger("a", "b", "c", at=world.now)
    world.settle()
    world.pod_is_gone()
    world.settle()
    return world


def recorded(world: World) -> Record:
    """Its record, which must exist."""
    assert world.record
    return world.record
