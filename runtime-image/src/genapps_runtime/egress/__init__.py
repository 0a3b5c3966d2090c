# SPDX-License-Identifier: Apache-2.0
"""The way out of the pod: calls to the gateway, and the probe that proves the network isolation."""
