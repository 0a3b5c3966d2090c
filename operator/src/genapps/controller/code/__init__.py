# SPDX-License-Identifier: Apache-2.0
"""Where an app's code comes from: source ConfigMaps and OCI images, read, scanned and held until it is judged."""
