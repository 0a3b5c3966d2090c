# SPDX-License-Identifier: Apache-2.0
"""What `genapps state` asks of a running app: list, export and delete the data of tenants."""
