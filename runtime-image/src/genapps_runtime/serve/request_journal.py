# SPDX-License-Identifier: Apache-2.0
"""The tool calls of one request with a key, as the facet's journal has them."""

import hashlib

import orjson

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_client import Called
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.keys import Keyed
from genapps_runtime.serve.messages import Request
from genapps_runtime.serve.tools import Identity, Step, Wanted
from genapps_runtime.state.errors import JournalFullError, StateUnavailableError
from genapps_runtime.state.journal import Intent
from genapps_runtime.tenancy.tenants import UNTENANTED


class RequestJournal:
    """What `Tools` wants of a journal. An outcome that says nothing about what the tool did is not kept."""

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._journal = keyed.facet.journal
        self._intents = {intent.number: intent for intent in keyed.intents}
        last = max(self._intents, default=0)
        self.steps = [_step(intent, last) for intent in keyed.intents]

    async def intend(self, step: Step) -> None:
        """Store durably that this call is about to be made. Raises ProblemError: it must not be made then."""
        connector, tool, digest = step.wanted
        intent = Intent(step.number, connector, tool, digest.hex())
        try:
            await self._journal.intend(self._keyed.scope, self._keyed.digest, intent)
        except JournalFullError as error:
            raise ProblemError("JournalFull", str(error)) from None
        except StateUnavailableError as error:
            raise ProblemError("StateUnavailable", str(error)) from None
        self._intents[step.number] = intent

    async def ended(self, step: Step, called: Called) -> None:
        """Store durably what the call brought, if that is known."""
        intent = self._intents[step.number]
        failed = "problem" in called.outcome
        if failed and called.wrote:
            return
        intent.outcome = orjson.dumps(called.outcome["problem" if failed else "ok"]).decode()
        intent.failed, intent.wrote = failed, called.wrote
        await self._journal.ended(self._keyed.scope, intent)


def identity_of(config: RuntimeConfig, tenant: str, request: Request) -> Identity:
    """The names of a request: a caller's key belongs to app, tenant, method and path."""
    names = (config.namespace, config.app, tenant, request.key or request.id, request.method, request.path)
    whose = "" if tenant == UNTENANTED else hashlib.sha256(tenant.encode()).hexdigest()
    return Identity(request.id, " ".join(f"{len(name)} {name}" for name in names), whose)


def _step(intent: Intent, last: int) -> Step:
    """`last` is the number of the last call."""
    wanted = Wanted(intent.connector, intent.tool, bytes.fromhex(intent.digest))
    step = Step(intent.number, wanted)
    if intent.outcome is None:
        step.again = True
    elif intent.failed and not intent.wrote and intent.last == last:
        # It was refused, and nothing was done after that: it may succeed now.
        step.anew, step.known, step.wrote = True, True, False
    else:
        step.known, step.failed, step.wrote = True, intent.failed, intent.wrote
        step.outcome = intent.outcome.encode()
    return step
