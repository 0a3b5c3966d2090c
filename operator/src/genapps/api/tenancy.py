# SPDX-License-Identifier: Apache-2.0
"""How an app's tenants are told apart."""

import hashlib
import re
from typing import Annotated

from pydantic import ConfigDict, Field

from genapps.api.fields import (
    SET,
    Duration,
    HeaderName,
    HttpsUrl,
    ObjectName,
    UserModel,
    duration_within,
    rules,
)
from genapps.api.names import CALLER_TOKEN_HEADER

MOST_TENANTS = 100
"""Where spec.tenancy.maxTenants says nothing."""
UNTENANTED = "default"
"""The tenant of an app without tenancy."""
TENANT_BYTES = 256
DIGEST = re.compile(r"[0-9a-f]{64}")
"""A tenant, as the names of files on the claim and log lines have it."""
RESERVED_HEADERS = (
    CALLER_TOKEN_HEADER, "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host",
    "idempotency-key", "transfer-encoding", "upgrade",
)  # fmt: skip


class JwtTenancy(UserModel):
    """The tenant is a claim of a verified token."""

    issuer: HttpsUrl
    """The issuer of the tokens. Its keys are found by OpenID discovery."""
    audience: Annotated[str, Field(min_length=1, max_length=253)]
    """The audience that the tokens must have."""
    claim: Annotated[str, Field(min_length=1, max_length=63)]
    """The claim that names the tenant."""


class Tenancy(UserModel):
    """How the runtime finds the tenant of a request. Without it, the app has one tenant, named default."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.jwt) != has(self.header)",
                "spec.tenancy: give either jwt, or header with trustedCallers",
            ),
            (
                "has(self.header) == (has(self.trustedCallers) && size(self.trustedCallers) > 0)",
                "spec.tenancy.trustedCallers: name the ServiceAccounts that may set the header; none without header",
            ),
            (
                f"!has(self.header) || !(self.header.lowerAscii() in {list(RESERVED_HEADERS)})",
                "spec.tenancy.header: choose a header of your own, such as X-Tenant; this one means something else",
            ),
        )
    )

    jwt: JwtTenancy | None = None
    """The tenant is a claim of a verified token."""
    header: HeaderName | None = None
    """The header that names the tenant. Only a trusted caller may set it."""
    trusted_callers: Annotated[tuple[ObjectName, ...], Field(max_length=16, json_schema_extra=SET)] = ()
    """ServiceAccounts of this namespace that may set the header."""
    max_tenants: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """The most tenants the app may have. Default: 100."""
    forget_after: Annotated[Duration, duration_within("1h", "87600h")] | None = None
    """A tenant who has not called for so long is deleted with everything that they stored. Absent: never."""

    @property
    def most_tenants(self) -> int:
        """The most tenants the app may have."""
        return self.max_tenants or MOST_TENANTS


def tenant_digest(tenant: str) -> str:
    """The SHA-256 of the tenant with this name, in hexadecimal. Raises ValueError when no tenant can have it."""
    try:
        encoded = tenant.encode()
    except UnicodeEncodeError:
        raise ValueError("the name of a tenant must be UTF-8") from None
    if not 1 <= len(encoded) <= TENANT_BYTES:
        raise ValueError(f"the name of a tenant has 1 to {TENANT_BYTES} bytes")
    if tenant != tenant.strip() or not tenant.isprintable():
        raise ValueError("the name of a tenant has no spaces around it, and no characters that do not print")
    return hashlib.sha256(encoded).hexdigest()
