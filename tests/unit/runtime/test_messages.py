# SPDX-License-Identifier: Apache-2.0
"""Messages to guests that hold what others have made."""

import json
from typing import Any

import orjson
import pytest

from genapps_runtime.guest.messages import resume_message

MOST_LEVELS = 253
"""The gateway's answer has one more, and orjson writes 254."""


def nested(levels: int) -> Any:
    made: Any = 1
    for _ in range(levels):
        made = [made]
    return made


@pytest.mark.parametrize("beside", [{}, {"2": {"ok": "a text"}}])
def test_a_result_with_as_many_levels_as_the_gateway_sends_reaches_the_guest(beside: dict[str, Any]) -> None:
    with pytest.raises(orjson.JSONEncodeError):
        orjson.dumps({"result": nested(MOST_LEVELS + 1)})
    result = orjson.loads(orjson.dumps({"result": nested(MOST_LEVELS)}))["result"]
    results = {"1": {"ok": result}, **beside}
    assert json.loads(resume_message(7, results)) == {"action": 7, "results": results}
