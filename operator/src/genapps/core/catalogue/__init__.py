# SPDX-License-Identifier: Apache-2.0
"""What follows from the Connectors: who may use which, where a Service is reached, and what the gateway may reach."""
