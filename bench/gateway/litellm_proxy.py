# SPDX-License-Identifier: Apache-2.0
"""The peer of calls of models: LiteLLM's proxy, with one model, one key, no database and TLS as the gateway has.

It is installed from `locks/litellm.txt`, without its enterprise package, into a folder that only this measurement sees.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from bench.packages import LITELLM_LOCK, versions

NAME = "LiteLLM"
KEY = f"sk-{secrets.token_hex(32)}"
"""What its callers prove themselves with."""
ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
"""Nothing is fetched at its start, and no line is written for a call."""


def version() -> str:
    """The one that is locked."""
    return versions(LITELLM_LOCK)["litellm"]


def arguments(folder: Path, chain: Path, port: int, upstream: int) -> tuple[str, ...]:
    """The rest of the command line of a Python that runs it; writes what it reads into the folder."""
    backend = {"model": "openai/small", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    content = {
        "model_list": [{"model_name": "small", "litellm_params": backend}],
        "general_settings": {"master_key": KEY},
    }
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(content))  # JSON is YAML
    return (
        *("-c", "from litellm import run_server; run_server()", "--config", str(config)),
        *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"),
        *("--ssl_certfile_path", str(chain), "--ssl_keyfile_path", str(chain)),
    )
