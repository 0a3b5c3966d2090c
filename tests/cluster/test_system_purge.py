# SPDX-License-Identifier: Apache-2.0
"""The platform purges an app on the whole system: policies in force, by its own role, and only what is gone."""

import pytest

from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, app, child_of, ready
from tools.kubectl import Kubectl, KubectlError, until

HELLO = """
    from genapps import app

    @app.get("/")
    async def hello(request):
        return "hello"
"""


def test_the_platform_purges_what_is_gone_and_nothing_that_lives(installed: Kubectl, tenant: str) -> None:
    binding = f"platform-{tenant}"
    installed("create", "clusterrolebinding", binding, "--clusterrole=genapps-platform", f"--user={binding}")
    platform = installed.impersonating(binding)
    found = ready(installed, app("purged", tenant, HELLO))
    claim = child_of(installed, found, "persistentvolumeclaims")
    assert claim is not None
    record = claim["metadata"]["name"]
    purge = ("delete", "apprecord", record, "-n", SYSTEM_NAMESPACE, "--timeout=60s")
    try:
        with pytest.raises(KubectlError, match=r"record\.deletedAt is not set, so the app still exists"):
            platform(*purge)
        installed("delete", "gapp", "purged", "-n", tenant)
        until(lambda: "deletedAt" in installed.get("apprecord", record, SYSTEM_NAMESPACE)["record"], 60, "deletedAt")
        platform(*purge)
    finally:
        installed("delete", "clusterrolebinding", binding)
    assert installed.find("pvc", record, RUN_NAMESPACE) is None
    assert installed.find("ledger", record, SYSTEM_NAMESPACE) is None
    assert installed.find("apprecord", record, SYSTEM_NAMESPACE) is None
