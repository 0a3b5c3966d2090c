# SPDX-License-Identifier: Apache-2.0
"""What budgets do on the whole platform: apps that pay for calls, through both gateways of the installed chart."""
