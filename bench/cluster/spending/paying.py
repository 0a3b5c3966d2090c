# SPDX-License-Identifier: Apache-2.0
"""Apps that pay: from their budget and connector to the first call that went through."""

from __future__ import annotations

from collections.abc import Sequence

from bench.apps import Manifest
from bench.cluster.deletion import ready_together
from bench.cluster.platform import Platform
from bench.cluster.spending.objects import CALL, connector, paying_app, service
from bench.load.job import Answer


async def offered(platform: Platform) -> None:
    """The connector and the pod behind it. Both stay until the bench cleans up; a second time changes nothing."""
    platform.kubectl.apply(*service(platform.images["genapps"]), connector())


async def paying(platform: Platform, budget: Manifest, names: Sequence[str]) -> list[str]:
    """The addresses of these apps, which run under that budget; each has paid for one call."""
    await offered(platform)
    await platform.client.apply(budget)
    manifests = [paying_app(name, budget["metadata"]["name"]) for name in names]
    platform.running.extend(manifests)
    apps = await ready_together(platform.client, manifests)
    addresses = {app["metadata"]["name"]: app["status"]["address"] for app in apps}
    for address in addresses.values():
        await platform.generator.answer(Answer(address, 80, CALL, deadline=60))
    return [addresses[name] for name in names]
