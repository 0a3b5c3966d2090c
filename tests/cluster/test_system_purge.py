"""Purge on the whole system: the chart's policies, the operator with its own rights, a claim with a volume."""

import pytest

from genapps.api.names import child_name
from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, app, ready
from tests.support.kubectl import Kubectl, KubectlError, until

HELLO = """
    from genapps import app, state

    @app.get("/")
    async def hello(request):
        await state.put("seen", True)
        return "hello"
"""


def test_the_platform_purges_a_deleted_app_and_not_a_living_one(installed: Kubectl, tenant: str) -> None:
    ready(installed, app("purged", tenant, HELLO))
    child = child_name(tenant, "purged")
    of_record = ("delete", "apprecord", child, "-n", SYSTEM_NAMESPACE)
    until(lambda: installed.find("apprecord", child, SYSTEM_NAMESPACE), 30, "the record")
    with pytest.raises(KubectlError, match="deletedAt is not set"):
        installed(*of_record)
    installed("delete", "gapp", "purged", "-n", tenant)

    def marked() -> bool:
        record = installed.find("apprecord", child, SYSTEM_NAMESPACE)
        return record is not None and "deletedAt" in record["record"]

    until(marked, 60, "the mark on the record")
    claim = installed.find("persistentvolumeclaim", child, RUN_NAMESPACE)
    assert claim is not None, "its retention runs"
    installed(*of_record, "--timeout=60s")
    assert installed.find("persistentvolumeclaim", child, RUN_NAMESPACE) is None
    assert installed.find("pod", child, RUN_NAMESPACE) is None
