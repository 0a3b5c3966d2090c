# SPDX-License-Identifier: Apache-2.0
"""What a tenant's token adds to a request: a runtime that takes tenants from tokens, in turns with one that does not.

All callers send the same token, as a caller does for minutes: it is verified once, and then known by its hash.
"""

from __future__ import annotations

import base64
import time
from dataclasses import replace

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server
from genapps.api.runtimeconfig import Tenancy, TenantByToken

PLAIN = "without tenants"
ISSUER, AUDIENCE, CLAIM = "https://id.example.com", "bench", "org"
TENANCY = Tenancy(
    jwt=TenantByToken(issuer=ISSUER, audience=AUDIENCE, claim=CLAIM), header=None, max_tenants=4, forget_seconds=0
)


async def tenant_token(context: Context) -> list[Figure]:
    """Rate and CPU time of a request without state or tools."""
    seconds = 3.0 if not context.quick else 1.0
    command = (await context.interpreter()).command
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    keys = [{"id": "bench", "algorithm": "ES256", "key": base64.b64encode(public).decode("ascii")}]
    claims = {"iss": ISSUER, "aud": AUDIENCE, CLAIM: "acme", "exp": time.time() + 24 * 3600}
    token = jwt.encode(claims, key, "ES256", {"kid": "bench"})
    async with (
        host_generator(command) as generator,
        runtime(context, ANSWERS, instances=2, tenancy=TENANCY, keys={"issuer": ISSUER, "keys": keys}) as ours,
        runtime(context, ANSWERS, instances=2) as plain,
    ):

        def load(server: Server) -> Load:
            sent = "" if server.name == PLAIN else token
            return Load(
                "127.0.0.1", server.port, "/", connections=32, seconds=seconds, warm_up=seconds / 5, token=sent
            )  # fmt: skip

        servers = [ours, replace(plain, name=PLAIN)]
        taken = await in_turns(context, generator, servers, load, context.amount(7, 2))
    return [
        taken.figure("tenant's token, c=32", "req/s", lambda each: each.result.rate),
        taken.figure("tenant's token, c=32, CPU", "us", lambda each: each.micros),
    ]
