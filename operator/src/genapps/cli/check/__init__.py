# SPDX-License-Identifier: Apache-2.0
"""`genapps check`: what the API server and the operator would say about code and manifests, without a cluster."""
