# SPDX-License-Identifier: Apache-2.0
"""Builds the project's two images without a container registry: `python -m tools.images`.

base (debootstrap, cached) -> the two real Dockerfiles (buildah) -> OCI archives -> the local node.
"""
