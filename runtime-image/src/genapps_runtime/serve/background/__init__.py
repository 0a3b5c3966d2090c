# SPDX-License-Identifier: Apache-2.0
"""Requests that are accepted now and run later, for apps of workload class background."""
