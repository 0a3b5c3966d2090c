# SPDX-License-Identifier: Apache-2.0
"""`genapps bundle`: makes a folder with an app into what can be deployed, with packages from a lock file."""
