# SPDX-License-Identifier: Apache-2.0
"""The only code that talks to the API server. It moves plain objects and knows no rules about apps."""
