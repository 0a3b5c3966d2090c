# SPDX-License-Identifier: Apache-2.0
"""The kinds, their conditions and the names of things: what every other part rests on. Imports nothing of ours."""
