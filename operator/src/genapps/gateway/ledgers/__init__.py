# SPDX-License-Identifier: Apache-2.0
"""What is counted durably: violations of apps, the state of their breakers, and how connectors fare."""
