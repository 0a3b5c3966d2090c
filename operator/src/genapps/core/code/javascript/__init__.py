# SPDX-License-Identifier: Apache-2.0
"""JavaScript before it runs: its tokens, what it imports, and whether it can load."""
