# SPDX-License-Identifier: Apache-2.0
"""Reads the Ledger of a budget with the caller's own kubeconfig, and says what limits would have done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import click
from pydantic import ValidationError

from genapps.api.ledger import Ledger, PeriodAccount
from genapps.api.names import budget_ledger
from genapps.api.quantities import dollars, micro_dollars
from genapps.cluster.client import Client
from genapps.cluster.connection import Connection, connect
from genapps.cluster.errors import ApiError, NotFoundError
from genapps.cluster.resources import LEDGER, Object
from genapps.core.budgets.amounts import UNLIMITED, Limits
from genapps.core.budgets.balance import shown_unit
from genapps.core.budgets.simulation import Simulated, simulate
from genapps.environment import SettingsError

_FIELD_MANAGER = "genapps-budget"


def limits(tokens: int | None, tool_calls: int | None, cpu_seconds: int | None, usd: str | None) -> Limits:
    """The limits of the command line. Raises ValueError: none is given, or the money is none."""
    found = Limits(
        tokens,
        tool_calls,
        None if cpu_seconds is None else cpu_seconds * 1000,
        None if usd is None else micro_dollars(usd),
    )
    if found == UNLIMITED:
        raise ValueError("name at least one limit: --tokens, --tool-calls, --cpu-seconds or --usd")
    return found


def run(name: str, tried: Limits, environ: Mapping[str, str], namespace: str, *, current: bool) -> int:
    """Print it; the exit code."""
    try:
        ledger = Ledger.model_validate(asyncio.run(_read(connect(environ), namespace, budget_ledger(name))))
    except NotFoundError:
        return _failed(f"nothing was spent of an AppBudget {name} so far")
    except (SettingsError, ApiError) as error:
        return _failed(str(error))
    except ValidationError:
        return _failed(f"the Ledger of {name} cannot be read by this version")
    account = ledger.record.account if current else ledger.record.previous
    if account is None:
        return _failed(f"no last period of {name} is known; ask for --current")
    for line in told(name, account, tried):
        click.echo(line)
    return 1 if any(one.refused for one in simulate(account, tried)) else 0


def told(name: str, account: PeriodAccount, tried: Limits) -> Iterator[str]:
    """What is printed, a line for each limit."""
    yield f"AppBudget {name}, period {account.period}"
    for one in simulate(account, tried):
        yield f"  {shown_unit(one.unit)}: {_said(one)}"


def _said(one: Simulated) -> str:
    spent, limit = _amount(one.unit, one.spent), _amount(one.unit, one.limit)
    if one.reached is None:
        return f"{spent} spent, a limit of {limit} would have held all of it"
    when = f"on {one.reached}" if one.reached[0].isdigit() else f"at {one.reached}"
    refused = _amount(one.unit, one.refused)
    return f"{spent} spent, a limit of {limit} would have been reached {when} and refused {refused}"


def _amount(unit: str, amount: int) -> str:
    if unit == "costMicros":
        return dollars(amount)
    return str(amount // 1000 if unit == "cpuMillis" else amount)


def _failed(why: str) -> int:
    click.echo(f"genapps budget simulate: {why}", err=True)
    return 2


async def _read(connection: Connection, namespace: str, name: str) -> Object:
    async with Client(connection, _FIELD_MANAGER) as client:
        return await client.get(LEDGER, namespace, name)
