# SPDX-License-Identifier: Apache-2.0
"""The short way of a call through the server. uvicorn and h11 take every other one.

- `whole`: reads a request that came in one piece and looks as runtimes write it.
- `exchange`: such a request and its answer.
- `departure`: ends what is done for a caller who has gone.
"""
