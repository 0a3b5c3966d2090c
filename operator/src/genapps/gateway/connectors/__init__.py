# SPDX-License-Identifier: Apache-2.0
"""One file a type of connector: from a tool and its arguments to a request, and from the response to a result."""
