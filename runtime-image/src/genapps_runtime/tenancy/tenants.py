# SPDX-License-Identifier: Apache-2.0
"""The tenant of a request: from a claim of a token, or from a header that a trusted caller has set.

What carries proof or tenant is taken out of the request here, before anything else sees it.
"""

import time
from collections.abc import Callable

from genapps_runtime.config import Tenancy
from genapps_runtime.problems import ProblemError
from genapps_runtime.tenancy.keys import Keys
from genapps_runtime.tenancy.tokens import TokenError, Tokens

CALLER_TOKEN = b"genapps-caller-token"
AUTHORIZATION = b"authorization"
_BEARER = b"bearer "
TENANT_BYTES = 256
UNTENANTED = "default"
"""The tenant of an app without tenancy. Nobody else is given what it has left."""

Headers = list[tuple[bytes, bytes]]


class TenantsOfRequests:
    """Finds the tenant of each request. `keys` are filled by `KeyDelivery`, which `wanted` tells of unknown keys."""

    def __init__(self, tenancy: Tenancy, wanted: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        """`now` is in seconds since the epoch."""
        self.keys = Keys(tenancy.issuer)
        self._wanted = wanted
        self._callers = tenancy.callers
        self._header = tenancy.header.lower().encode("ascii")
        self._proof = CALLER_TOKEN if self._header else AUTHORIZATION
        self._withheld = frozenset({self._proof, self._header} - {b""})
        self._tokens = Tokens(self.keys, tenancy.audience, tenancy.claim, now)

    @property
    def chosen_by(self) -> bytes:
        """The request's header that the tenant, and so the answer, depends on."""
        return self._header or AUTHORIZATION

    def take(self, headers: Headers) -> tuple[str, Headers]:
        """The tenant, and the headers without those that carry proof or tenant. Raises ProblemError."""
        taken = [(name, value) for name, value in headers if name in self._withheld]
        left = [header for header in headers if header[0] not in self._withheld]
        proven = self._verified(_one(taken, self._proof))
        if not self._header:
            return _judged(proven), left
        if proven not in self._callers:
            raise ProblemError("CallerNotTrusted", "the caller is not among spec.tenancy.trustedCallers")
        named = _one(taken, self._header)
        try:
            return _judged((named or b"").decode()), left
        except UnicodeDecodeError:
            raise _invalid("is not UTF-8") from None

    def _verified(self, proof: bytes | None) -> str:
        if not self.keys.usable:
            self._wanted()
            raise ProblemError("KeysUnavailable")
        if self._proof is AUTHORIZATION and proof is not None:
            proof = proof[len(_BEARER) :].lstrip(b" ") if proof[: len(_BEARER)].lower() == _BEARER else None
        if not proof:
            raise ProblemError("TokenInvalid", f"the request has no token, or several, in {self._proof.decode()}")
        try:
            return self._tokens.verified(proof)
        except TokenError as error:
            if error.unknown_key:
                self._wanted()
            raise ProblemError("TokenInvalid", f"the token proves nothing: {error}") from None


def _one(taken: Headers, name: bytes) -> bytes | None:
    """The value of a header that comes once; of several ones it is not known who has set which."""
    values = [value for found, value in taken if found == name]
    return values[0] if len(values) == 1 else None


def _judged(tenant: str) -> str:
    """The name as it is: it is not changed in any way, so that names that look alike are different tenants."""
    if not tenant or len(tenant.encode()) > TENANT_BYTES:
        raise _invalid(f"must have 1 to {TENANT_BYTES} bytes, once")
    if tenant != tenant.strip() or not tenant.isprintable():
        raise _invalid("has characters that do not print, or spaces around it")
    if tenant == UNTENANTED:
        raise _invalid(f"must not be {UNTENANTED}, which is that of apps without tenants")
    return tenant


def _invalid(why: str) -> ProblemError:
    return ProblemError("TenantInvalid", f"the name of the tenant {why}")
