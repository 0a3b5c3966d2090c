# SPDX-License-Identifier: Apache-2.0
"""The load generator: standard library only, so that it runs in a pod of the project's own images as well."""
