# SPDX-License-Identifier: Apache-2.0
"""Whose request it is: tokens, the keys that they are verified with, and the tenant that they name."""
