# SPDX-License-Identifier: Apache-2.0
"""The web platform tests for what apps in JavaScript have: rows that a package carries, and files of a checkout.

`python -m tests.oracles.web_platform CHECKOUT` runs the files. No package carries them, so `make test` has them not.
"""
