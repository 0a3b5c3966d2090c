# SPDX-License-Identifier: Apache-2.0
"""Requests that the app makes to itself by the clock."""
