# SPDX-License-Identifier: Apache-2.0
"""`genapps catalogue`: which tiers and which tools an author can choose from."""
