# SPDX-License-Identifier: Apache-2.0
"""All measurements, in the order in which they run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bench.cluster.api_writes import api_writes
from bench.cluster.apply_to_ready import apply_to_ready
from bench.cluster.deletion import deletion
from bench.cluster.hold import hold
from bench.cluster.hold_without_kubelet import hold_without_kubelet
from bench.cluster.memory_of_pods import memory_of_pods
from bench.cluster.naps import naps_of_pods
from bench.cluster.platform import Platform
from bench.cluster.reconcile import reconcile
from bench.cluster.requests import requests
from bench.cluster.spending.action_writes import action_writes
from bench.cluster.spending.paid_calls import paid_calls
from bench.cluster.spending.threshold import threshold
from bench.cluster.suspension import suspension
from bench.cluster.switch import switch
from bench.context import Context
from bench.engine.background import background_enqueue
from bench.engine.beside_computing import beside_computing
from bench.engine.component import component
from bench.engine.durable_sql import durable_sql
from bench.engine.durable_state import durable_state
from bench.engine.forms import forms
from bench.engine.idle_runtime import idle_runtime
from bench.engine.javascript import javascript
from bench.engine.keyed_state import journalled_call, keyed_state
from bench.engine.naps import naps
from bench.engine.never_seen import never_seen
from bench.engine.redaction import redaction
from bench.engine.static_asset import static_asset
from bench.engine.streaming import streaming
from bench.engine.tenant_token import tenant_token
from bench.engine.uploads import uploads
from bench.engine.waiting import waiting
from bench.engine.warm_request import warm_request
from bench.figures import Figure
from bench.gateway.budgets import budgets
from bench.gateway.call import gateway_call
from bench.gateway.model_call import model_call
from bench.gateway.step_token import step_token
from bench.gateway.streamed_piece import streamed_piece

Alone = Callable[[Context], Awaitable[list[Figure]]]
OnPlatform = Callable[[Context, Platform], Awaitable[list[Figure]]]

# These bring up what they need.
ALONE: Mapping[str, Alone] = {
    "idle-runtime": idle_runtime,
    "naps": naps,
    "never-seen": never_seen,
    "warm-request": warm_request,
    "static-asset": static_asset,
    "streaming": streaming,
    "uploads": uploads,
    "durable-state": durable_state,
    "durable-sql": durable_sql,
    "keyed-state": keyed_state,
    "journalled-call": journalled_call,
    "background-enqueue": background_enqueue,
    "tenant-token": tenant_token,
    "forms": forms,
    "javascript": javascript,
    "component": component,
    "waiting": waiting,
    "beside-computing": beside_computing,
    "redaction": redaction,
    "gateway-call": gateway_call,
    "model-call": model_call,
    "step-token": step_token,
    "streamed-piece": streamed_piece,
    "budgets": budgets,
    "hold-without-kubelet": hold_without_kubelet,
    "reconcile": reconcile,
}

# These need the node with the chart installed. Memory first, while no other app has run; deletion last, because it
# raises the operator's alarm.
ON_PLATFORM: Mapping[str, OnPlatform] = {
    "memory": memory_of_pods,
    "naps-of-pods": naps_of_pods,
    "apply-to-ready": apply_to_ready,
    "api-writes": api_writes,
    "switch": switch,
    "suspension": suspension,
    "requests": requests,
    "budget-threshold": threshold,
    "paid-calls": paid_calls,
    "action-writes": action_writes,
    "hold": hold,
    "deletion": deletion,
}
