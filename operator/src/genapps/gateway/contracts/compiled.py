# SPDX-License-Identifier: Apache-2.0
"""The tools of a contract in force, ready to judge calls: `argument_fault` before a call, `result_fault` after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genapps.api.connector import Connector
from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.force import ContractInForce, ToolInForce, in_force
from genapps.core.contracts.pointers import ContractFault
from genapps.core.contracts.values import ARGUMENTS, RESULT, value_fault
from genapps.gateway.contracts.checker import SchemaChecker, checker
from genapps.gateway.contracts.wording import fault_text


@dataclass(frozen=True, slots=True)
class CompiledTool:
    """One tool. Equal schemas of several contracts share what is compiled of them."""

    tool: ToolInForce
    inputs: tuple[SchemaChecker, ...]
    outputs: tuple[SchemaChecker, ...]

    def argument_fault(self, arguments: Mapping[str, Any]) -> str | None:
        """Why the arguments break the contract, or None: a JSON pointer and what is asked for, at most 200 characters.

        Raises CheckFailedError when the check did not run: that is no answer, and the call is refused as undecided.
        """
        fault = value_fault(arguments, ARGUMENTS) or _first_fault(self.inputs, arguments)
        return None if fault is None else fault_text(fault)

    def result_fault(self, result: object) -> str | None:
        """Why the result breaks the contract, or None, in the same form: a fault of the connector. Raises like
        `argument_fault`."""
        fault = value_fault(result, RESULT) or _first_fault(self.outputs, result)
        return None if fault is None else fault_text(fault)


def compile_tools(connector: Connector) -> Mapping[str, CompiledTool]:
    """The tools of a connector without faults (`contract_faults`), for apps that have no frozen contract.

    Raises CheckFailedError.
    """
    return compile_contract(in_force(None, contract_of(connector.spec)))


def compile_contract(contract: ContractInForce) -> Mapping[str, CompiledTool]:
    """The tools of a contract in force. Raises CheckFailedError."""
    return {name: _compiled(tool) for name, tool in contract.tools.items()}


def _compiled(tool: ToolInForce) -> CompiledTool:
    return CompiledTool(tool, tuple(map(checker, tool.inputs)), tuple(map(checker, tool.outputs)))


def _first_fault(checkers: tuple[SchemaChecker, ...], value: object) -> ContractFault | None:
    return next((fault for schema in checkers if (fault := schema.fault(value)) is not None), None)
