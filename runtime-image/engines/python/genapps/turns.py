# SPDX-License-Identifier: Apache-2.0
"""Turns in the forms that the host takes (docs/contracts: turn and the compact form).

They are formatted by hand: one ends every request, and json.dumps would take half of the guest's time.
"""

import json

from genapps.calls import Call
from genapps.encoding import quoted, to_json
from genapps.immediate import dense

JSON_HEADERS = '[["content-type","application/json"]]'
TEXT_HEADERS = '[["content-type","text/plain; charset=utf-8"]]'
JSON_DONE, TEXT_DONE = f"200\0{JSON_HEADERS}\0\0", f"200\0{TEXT_HEADERS}\0\0"
"""What `done` puts before an ASCII text when nothing was written: most requests end so."""


def calls(wanted: list[Call] | dict[str, str]) -> str:
    """What a coroutine yielded: calls, or a piece of the body. An app's own awaitables may yield anything."""
    if isinstance(wanted, dict):
        return emit(wanted)
    if len(wanted) == 1:  # what an app waits for most
        call = wanted[0]
        if call.kind == "get":
            return f"get\0{call.id}\0{call.payload['key']}"
        if call.kind == "sql":
            return f"sql\0{call.id}\0{dense(call.payload['parameters'])}\0{call.payload['text']}"
        if call.kind == "timer":
            return f"timer\0{call.id}\0{call.payload['millis']}"
    asked = [f'{{"id":{call.id},"{call.kind}":{to_json(call.payload)}}}' for call in wanted]
    return f'{{"calls":[{",".join(asked)}]}}'


def wait(wanted: list[Call], cancelled: list[int], woken: list[int], outstanding: int) -> str:
    """The action waits for whatever comes first: of these new calls, or of earlier ones.

    `cancelled` are calls that nobody waits for any more, `woken` other actions that can go on. `outstanding` counts new
    and earlier calls: of one, the first is all.
    """
    if outstanding == 1 and len(wanted) == 1 and not cancelled and not woken:
        return calls(wanted)
    asked = [f'{{"id":{call.id},"{call.kind}":{to_json(call.payload)}}}' for call in wanted]
    return f'{{"wait":{{"calls":[{",".join(asked)}],"cancel":{cancelled},"wake":{woken}}}}}'


def emit(piece: dict[str, str]) -> str:
    """A piece of the body that is not the last one."""
    return json.dumps({"emit": piece})


def end(writes: dict[str, str | None]) -> str:
    """The last turn of an action whose answer has left piece by piece."""
    return f'{{"end":{{"writes":{_pairs(writes)}}}}}'


def done(status: int, headers: str, text: str, writes: dict[str, str | None], kind: str = "text") -> str:
    """The last turn of an action, with the last piece of its body (of the kind text or base64).

    `headers` is a JSON list of pairs. The compact form holds an ASCII text as it is. Other texts are JSON, in which
    half a character does no harm.
    """
    written = _pairs(writes) if writes else ""
    if kind == "text" and type(status) is int and 100 <= status <= 999 and text.isascii():
        return f"{status}\0{headers}\0{written}\0{text}"
    body = f'{{"{kind}":{quoted(text)}}}'
    response = f'{{"status":{json.dumps(status)},"headers":{headers},"body":{body}}}'
    return f'{{"done":{{"response":{response},"writes":{written or "[]"}}}}}'


def _pairs(writes: dict[str, str | None]) -> str:
    pairs = [f"[{quoted(key)},{'null' if value is None else quoted(value)}]" for key, value in writes.items()]
    return f"[{','.join(pairs)}]"
