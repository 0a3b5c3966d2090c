# SPDX-License-Identifier: Apache-2.0
"""The node's NetworkPolicy engine, for tests and demo; real clusters use their CNI's.

Pod -> CNI plugin (tools/genapps-policy) records the attachment -> `cluster` state is compiled by `rules` into one
nftables `table` -> loaded atomically by `service` -> the plugin lets the pod start.

What it promises: a packet from or to an interface that the table does not list is dropped, so a pod that the enforcer
has not seen gets nothing, and while the enforcer is down no new pod starts (its CNI plugin gets no answer) and running
ones keep the last policies. Both ends of every connection are judged on every packet by what it was opened as, so that
a connection ends when its permission does. The node itself (probes, API server) always reaches its pods.
"""
