# SPDX-License-Identifier: Apache-2.0
"""One attempt of a call: the request by the connector's type, sent, and its answer held to the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

import orjson
import structlog

from genapps.api import digests
from genapps.core.budgets.cost import Tokens
from genapps.gateway import catalogue
from genapps.gateway.catalogue import Offer, ServiceAddresses
from genapps.gateway.connectors.exchange import (
    CallFailedError,
    Health,
    Prepared,
    Spent,
    arguments_invalid,
    broken_off,
    out_of_time,
    outcome_unknown,
    result_invalid,
    status_failed,
    unchecked,
    upstream_failed,
)
from genapps.gateway.connectors.passing import Part, parts
from genapps.gateway.connectors.streams import PreparedStream
from genapps.gateway.connectors.times import Allowed
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.credentials.attach import Attached, Credentials
from genapps.gateway.credentials.secrets import CredentialError, CredentialLateError
from genapps.gateway.decision import Admit
from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressReason,
    EgressRefusedError,
    FailureReason,
    OutboundRequest,
    OutboundResponse,
    Sender,
    Target,
    UpstreamFailedError,
)
from genapps.gateway.problems import Code, Problem
from genapps.gateway.step_tokens.minting import HEADER, NoSigningKeyError, NoTimeLeftError, StepTokens

STREAM_BYTES = 32 * 1024 * 1024
"""Of an answer that is passed on while it comes."""
RESULT_BYTES = 768 * 1024
"""Of a connector's answer, and of the result as JSON: a runtime takes 1 MiB."""
_UNAVAILABLE_SECONDS = 5
_CONNECT_SECONDS = 5.0
_STREAMED = (HTTPStatus.OK, HTTPStatus.NO_CONTENT)

_log = structlog.get_logger(__name__)


class Answered(NamedTuple):
    """The result of a call as JSON, held to the contract, and what it used."""

    result: bytes
    usage: Tokens | None


class Arriving(Protocol):
    """A response from its head on."""

    status: int
    headers: Mapping[str, str]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its body. Raises UpstreamFailedError."""


class StreamingSender(Sender, Protocol):
    """Also gives answers that are taken while they come."""

    def stream(
        self, target: Target, request: OutboundRequest, limits: EgressLimits
    ) -> AbstractAsyncContextManager[Arriving]:
        """The response from its head on. Raises EgressRefusedError or UpstreamFailedError."""


class Exchanger:
    """Makes attempts."""

    def __init__(
        self, services: ServiceAddresses, sender: StreamingSender, credentials: Credentials, step_tokens: StepTokens
    ) -> None:
        self._services = services
        self._sender = sender
        self._credentials = credentials
        self._step_tokens = step_tokens

    def credential_identity(self, offer: Offer) -> str:
        """Says which credential calls of the connector carry, without showing it; empty for none."""
        return self._credentials.identity(offer)

    async def exchange(self, admitted: Admit, prepared: Prepared, allowed: Allowed) -> Answered:
        """The result of an attempt. Raises CallFailedError."""
        offer = admitted.offer
        where = self._target(offer)
        attached, allowed = await self._ready(admitted, where, prepared.request, prepared.completed, allowed)
        response = await self._sent(admitted, where, attached.request, allowed)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._credentials.refused(offer, attached.request)
        if attached.echoed_by(response):
            raise result_invalid(offer.name, "holds the platform's credential or token, so it was thrown away")
        outcome = prepared.read(response)
        try:
            return Answered(_checked(admitted, outcome.value), outcome.usage)
        except CallFailedError as failed:
            failed.usage = outcome.usage  # it is of no use, and was made all the same
            raise

    async def stream(self, admitted: Admit, prepared: PreparedStream, allowed: Allowed) -> AsyncGenerator[Part, None]:
        """The parts of the answer, while it comes. Raises CallFailedError: also after some, when it is not whole."""
        offer = admitted.offer
        where = self._target(offer)
        attached, allowed = await self._ready(admitted, where, prepared.request, prepared.completed, allowed)
        limits = _limits(allowed, STREAM_BYTES)
        begun = False
        try:
            async with self._sender.stream(where, attached.request, limits) as response:
                if response.status == HTTPStatus.UNAUTHORIZED:
                    self._credentials.refused(offer, attached.request)
                if response.status not in _STREAMED:
                    raise status_failed(offer.name, response.status, response.headers.get("retry-after"), wrote=False)
                if response.status != HTTPStatus.NO_CONTENT:  # which has no type either
                    prepared.answer.begin(response.headers.get("content-type", ""))
                begun = True
                async for part in parts(offer.name, prepared.answer, attached.forms, response):
                    yield part
        except EgressRefusedError as refused:
            raise _refused(admitted, refused) from refused
        except UpstreamFailedError as failed:
            _log.info("upstream_failed", connector=offer.name, reason=failed.reason, detail=failed.detail)
            if _by_action(failed, allowed):
                what = "has begun, and its answer is not complete" if begun else "has had no answer"
                raise out_of_time(offer.name, what, _spent(failed)) from failed
            if begun:
                raise broken_off(offer.name, failed.reason) from failed
            raise _not_asked(offer.name, failed) from failed

    def _target(self, offer: Offer) -> Target:
        """Where the connector is reached now. Raises CallFailedError."""
        where = catalogue.target(offer, self._services)
        if where is None:
            raise _no_address(offer.name)
        return where

    async def _ready(
        self, admitted: Admit, where: Target, request: OutboundRequest, completed: Any, allowed: Allowed
    ) -> tuple[Attached, Allowed]:
        """The request with all that proves who asks, and what is left of its time. Raises CallFailedError."""
        offer = admitted.offer
        begun = asyncio.get_running_loop().time()
        attached = await self._attached(offer, where, request, allowed)
        if offer.spec.credential is not None and offer.spec.credential.oauth is not None:
            allowed = allowed.after(asyncio.get_running_loop().time() - begun)  # it may have waited for a token
        if allowed.by_action and allowed.begin <= 0:
            raise out_of_time(offer.name)
        if offer.spec.step_token is not None:
            attached = self._stepped(admitted, offer.spec.step_token.audience, completed, attached, allowed.begin)
        return attached, allowed

    async def _attached(self, offer: Offer, where: Target, request: OutboundRequest, allowed: Allowed) -> Attached:
        try:
            return await self._credentials.attach(offer, where, request, allowed.begin)
        except CredentialLateError as error:
            if allowed.by_action:
                raise out_of_time(offer.name) from error
            raise _no_credential(offer.name, error) from error
        except CredentialError as error:
            raise _no_credential(offer.name, error) from error

    def _stepped(self, admitted: Admit, audience: str, completed: Any, attached: Attached, seconds: float) -> Attached:
        """With a token for this attempt. Raises CallFailedError."""
        arguments = admitted.call.arguments if completed is None else completed
        try:
            digest = digests.sha256(digests.canonical(arguments))
        except (ValueError, RecursionError):
            raise arguments_invalid(admitted.tool.name, "they have no canonical form, which a token needs") from None
        try:
            token = self._step_tokens.mint(admitted, audience, digest, seconds)
        except NoSigningKeyError:
            raise _no_step_token(admitted.offer.name) from None
        except NoTimeLeftError:
            # The connector would refuse it, and be blamed for that: a 401 counts for its breaker.
            raise out_of_time(admitted.offer.name) from None
        return attached.with_header(HEADER, token, (token, token.rpartition(".")[2]))

    async def _sent(
        self, admitted: Admit, where: Target, request: OutboundRequest, allowed: Allowed
    ) -> OutboundResponse:
        connector = admitted.offer.name
        try:
            return await self._sender.send(where, request, _limits(allowed, RESULT_BYTES))
        except EgressRefusedError as refused:
            raise _refused(admitted, refused) from refused
        except UpstreamFailedError as failed:
            _log.info("upstream_failed", connector=connector, reason=failed.reason, detail=failed.detail)
            if failed.sent and admitted.tool.effect != "Read":
                raise outcome_unknown(connector, f"did not answer ({failed.reason})") from failed
            if _by_action(failed, allowed):
                raise out_of_time(connector, "has had no answer", _spent(failed)) from failed
            raise _not_asked(connector, failed) from failed


def _limits(allowed: Allowed, body_bytes: int) -> EgressLimits:
    """A request that is not sent in the time for it is none; one that is has the time for its answer."""
    return EgressLimits(allowed.answer, connect_seconds=min(_CONNECT_SECONDS, allowed.begin), body_bytes=body_bytes)


def _by_action(failed: UpstreamFailedError, allowed: Allowed) -> bool:
    """Whether it failed because the action ends, and not because the connector is slow."""
    late = failed.reason is FailureReason.TIMED_OUT and (failed.sent or allowed.begin < _CONNECT_SECONDS)
    return late and allowed.by_action


def _spent(failed: UpstreamFailedError) -> Spent:
    return Spent.THE_BOUND if failed.sent else Spent.NOTHING


def _not_asked(connector: str, failed: UpstreamFailedError) -> CallFailedError:
    return upstream_failed(connector, f"could not be asked ({failed.reason})", _spent(failed))


def _checked(admitted: Admit, value: Any) -> bytes:
    connector, tool = admitted.offer.name, admitted.tool
    try:
        fault = tool.compiled.result_fault(value)
    except CheckFailedError as error:
        raise _unchecked(connector, error, wrote=tool.effect != "Read") from error
    if fault is not None:
        raise result_invalid(connector, f"breaks the contract of '{tool.name}': {fault}")
    result = orjson.dumps(value)
    if len(result) > RESULT_BYTES:
        raise result_invalid(connector, f"is larger than {RESULT_BYTES} bytes")
    return result


def _unchecked(connector: str, error: CheckFailedError, *, wrote: bool) -> CallFailedError:
    """Nobody said no, so it is no defect of the connector's."""
    if wrote:
        failed = outcome_unknown(connector, f"was called, and its result could not be checked ({error})")
        return CallFailedError(failed.problem, Health.UNKNOWN)
    return unchecked(connector, error)


def _no_address(connector: str) -> CallFailedError:
    detail = f"The Service of the connector '{connector}' has no ready pod. Try again after retryAfter seconds."
    return _not_sent(Problem(Code.CONNECTOR_UNAVAILABLE, detail, _UNAVAILABLE_SECONDS))


def _no_credential(connector: str, error: CredentialError) -> CallFailedError:
    detail = (
        f"The connector '{connector}' cannot be called: {error}. Nothing was executed. Ask the platform team to look at"
        " the Secret in genapps-credentials."
    )
    return _not_sent(Problem(Code.CREDENTIAL_UNAVAILABLE, detail, _UNAVAILABLE_SECONDS))


def _no_step_token(connector: str) -> CallFailedError:
    detail = (
        f"The connector '{connector}' wants a token for each call, and the gateway has no key for one yet. Nothing was"
        " executed. Try again after retryAfter seconds."
    )
    return _not_sent(Problem(Code.CONNECTOR_UNAVAILABLE, detail, _UNAVAILABLE_SECONDS))


def _refused(admitted: Admit, refused: EgressRefusedError) -> CallFailedError:
    connector = admitted.offer.name
    if refused.reason is EgressReason.REQUEST_INVALID:
        # By the app's arguments, so it is no fault of the connector's: its breaker is also others'.
        return arguments_invalid(admitted.tool.name, refused.detail)
    _log.warning("egress_refused", connector=connector, reason=refused.reason, detail=refused.detail)
    if refused.sent and admitted.tool.effect != "Read":
        return outcome_unknown(connector, f"sent the call elsewhere ({refused.reason})")
    if refused.sent:
        return upstream_failed(connector, f"sent the call elsewhere ({refused.reason})")
    return _egress_refused(connector, refused)


def _egress_refused(connector: str, refused: EgressRefusedError) -> CallFailedError:
    detail = (
        f"The platform does not send to where the connector '{connector}' leads ({refused.reason}). Nothing was sent."
        " Ask the platform team to look at the Connector."
    )
    return CallFailedError(Problem(Code.EGRESS_REFUSED, detail), Health.BAD, Spent.NOTHING)


def _not_sent(problem: Problem) -> CallFailedError:
    """It never left, for something of ours is missing: that says nothing about the connector."""
    return CallFailedError(problem, Health.UNKNOWN, Spent.NOTHING)
