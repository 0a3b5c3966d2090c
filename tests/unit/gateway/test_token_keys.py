# SPDX-License-Identifier: Apache-2.0
"""Keys for runtimes: who gets whose, and that a runtime can verify with them what was signed."""

import base64
from typing import Any

import jwt

from genapps.gateway.callers.identity import KeySource
from genapps.gateway.callers.token_keys import TokenKeyDelivery
from genapps_runtime.tenancy.keys import Keys
from genapps_runtime.tenancy.tokens import Tokens
from tests.unit.gateway.world import ISSUER, Installation, Issuer, app, app_record, public_key

API_SERVER: dict[str, Any] = {"tokenKeys": {}}
SUSPENSION = {"id": "0" * 32, "reason": "RepeatedViolations", "at": "2026-11-23T12:00:00Z"}


async def keys_of(gateway: Installation, **changes: Any) -> Any:
    gateway.records.changed(app_record(**changes))
    return (await gateway.post("/v1/heartbeat", {})).json()["tenantKeys"]


async def test_only_an_app_whose_record_says_so_gets_keys() -> None:
    gateway = Installation(Issuer())
    assert await keys_of(gateway) is None
    assert await keys_of(gateway, **API_SERVER, suspension=SUSPENSION) is None
    given = await keys_of(gateway, **API_SERVER)
    assert given["issuer"] == ISSUER
    assert [(key["id"], key["algorithm"]) for key in given["keys"]] == [("first", "RS256")]


async def test_a_runtime_verifies_with_them_what_the_api_server_signs() -> None:
    issuer = Issuer()
    keys = Keys("")
    keys.replace(await keys_of(Installation(issuer), **API_SERVER))
    audience = "genapps-app/finance/converter"
    token = issuer.token({"aud": [audience], "sub": "system:serviceaccount:finance:web"})
    assert Tokens(keys, audience, "sub").verified(token.encode()) == "system:serviceaccount:finance:web"


async def test_keys_that_the_api_server_withdraws_are_not_delivered_any_more() -> None:
    issuer = Issuer()
    source = KeySource(issuer.fetch)
    delivery = TokenKeyDelivery(source, lambda _issuer: None)
    tenants = app(**API_SERVER)
    assert delivery.of(tenants) is None, "none were fetched"
    await source.refresh()
    first = delivery.of(tenants)
    assert delivery.of(tenants) is first
    issuer.published = [public_key(Issuer().key, "second")]
    await source.refresh()
    second = delivery.of(tenants)
    assert second is not None
    assert [key["id"] for key in second["keys"]] == ["second"]


async def test_what_is_delivered_holds_no_private_key() -> None:
    issuer = Issuer()
    (key,) = (await keys_of(Installation(issuer), **API_SERVER))["keys"]
    lines = issuer.public_pem.decode().splitlines()[1:-1]
    assert base64.b64decode(key["key"]) == base64.b64decode("".join(lines))
    assert jwt.get_unverified_header(issuer.token())["kid"] == key["id"]
