# SPDX-License-Identifier: Apache-2.0
"""The rules, pure: judge what was observed, say what should be there, plan the way, and report it.

No client, no clock, no randomness: time and new ids are arguments, and every function called twice gives equal answers.
"""
