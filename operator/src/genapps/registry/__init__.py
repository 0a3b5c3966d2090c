# SPDX-License-Identifier: Apache-2.0
"""Code in OCI registries: the only part of the operator that talks to anything but the API server.

Whoever may name an image makes the operator send requests, and whoever runs a registry answers them: both may be
hostile. So: allowed registries only, https only, every byte counted and checked against the digest in the app's spec.
"""
