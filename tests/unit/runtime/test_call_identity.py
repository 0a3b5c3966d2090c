# SPDX-License-Identifier: Apache-2.0
"""What the gateway is told of the tenant of a request, and how its calls' keys differ."""

import hashlib
from types import SimpleNamespace
from typing import Any

from genapps_runtime.serve.request_journal import identity_of
from genapps_runtime.tenancy.tenants import UNTENANTED

CONFIG: Any = SimpleNamespace(namespace="finance", app="converter")
REQUEST: Any = SimpleNamespace(key="order-17", id="r1", method="POST", path="/book")


def test_a_tenant_is_told_by_a_digest_and_an_app_without_tenants_tells_none() -> None:
    assert identity_of(CONFIG, "acme", REQUEST).tenant == hashlib.sha256(b"acme").hexdigest()
    assert identity_of(CONFIG, UNTENANTED, REQUEST).tenant == ""


def test_the_same_request_of_another_tenant_has_other_names() -> None:
    names = {identity_of(CONFIG, tenant, REQUEST).names for tenant in ("acme", "acme2", UNTENANTED)}
    assert len(names) == 3
