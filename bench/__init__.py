# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what an app costs on Kubernetes, and the engine side by side with workerd.

measurements (one file each) -> figures -> table and `build/bench.json`. Everything is measured in one run, on the
machine at hand; where there is a peer, it is measured in the same run, alternating.
"""
