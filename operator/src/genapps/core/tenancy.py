# SPDX-License-Identifier: Apache-2.0
"""What spec.tenancy means for the runtime, for the revision, and for the gateway."""

from genapps.api import names, quantities
from genapps.api.apprecord import TokenKeys
from genapps.api.digests import canonical, revision_digest, sha256
from genapps.api.generatedapp import GeneratedApp, GeneratedAppSpec
from genapps.api.runtimeconfig import Tenancy, TenantByHeader, TenantByToken


def runtime_tenancy(app: GeneratedApp) -> Tenancy | None:
    """The part of the RuntimeConfig; None for an app with one tenant."""
    asked, namespace = app.spec.tenancy, app.metadata.namespace
    if asked is None:
        return None
    by_token = by_header = None
    if asked.jwt is not None:
        by_token = TenantByToken(issuer=asked.jwt.issuer, audience=asked.jwt.audience, claim=asked.jwt.claim)
    elif asked.header is not None:
        callers = sorted(names.service_account_subject(namespace, caller) for caller in asked.trusted_callers)
        audience = names.app_audience(namespace, app.metadata.name)
        by_header = TenantByHeader(name=asked.header, audience=audience, callers=tuple(callers))
    forget = quantities.seconds(asked.forget_after) if asked.forget_after else 0
    return Tenancy(jwt=by_token, header=by_header, max_tenants=asked.most_tenants, forget_seconds=forget)


def revision_of(app: GeneratedApp, code_digest: str) -> str:
    """The digest of the revision that the app and its code are: another way to tell tenants apart is another one."""
    tenancy = runtime_tenancy(app)
    part = sha256(canonical(tenancy.model_dump(by_alias=True, mode="json"))) if tenancy else None
    return revision_digest(code_digest, app.spec.envelope.digest, part)


def token_keys(spec: GeneratedAppSpec) -> TokenKeys | None:
    """Whose keys the gateway delivers to the app's pod; None: it needs none."""
    asked = spec.tenancy
    return TokenKeys(issuer=asked.jwt.issuer if asked.jwt else None) if asked else None
