# SPDX-License-Identifier: Apache-2.0
"""Budgets: amounts, periods, prices, and the one rule by which gateways share what is left."""
