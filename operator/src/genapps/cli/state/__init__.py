# SPDX-License-Identifier: Apache-2.0
"""`genapps state`: the data of an app's tenants, listed, exported and deleted while the app runs."""
