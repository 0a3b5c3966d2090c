# SPDX-License-Identifier: Apache-2.0
"""The engine's peers: workerd with Worker Loader and facets, FastAPI and Starlette. All are installed outside the
checkout.
"""
