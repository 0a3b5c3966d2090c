# SPDX-License-Identifier: Apache-2.0
"""The only code that opens connections to the outside: to what a connector names, and nowhere else.

A call flows top down: `upstream` checks the target and the request (`targets`, `requests`), takes a pooled connection
(`pool`) or opens one to an address that was checked (`resolver`, `addresses`, `dialling`, `proxy`), and reads one
bounded answer (`exchange`, `answer`, `decoding`, `connection`). What others hand in and get back is in `messages`.
"""
