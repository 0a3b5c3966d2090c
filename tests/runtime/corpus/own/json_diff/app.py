import difflib
import json
from typing import Any, Iterator

from genapps import BadRequest, Response, app


def walk(old: Any, new: Any, path: str = "$") -> Iterator[dict]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            here = f"{path}.{key}"
            if key not in new:
                yield {"op": "removed", "path": here, "old": old[key]}
            elif key not in old:
                yield {"op": "added", "path": here, "new": new[key]}
            else:
                yield from walk(old[key], new[key], here)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new)):
            yield from walk(a, b, f"{path}[{index}]")
    elif old != new or type(old) is not type(new):
        yield {"op": "changed", "path": path, "old": old, "new": new}


@app.post("/diff")
async def diff(request):
    try:
        body = await request.json()
        old, new = body["old"], body["new"]
    except (KeyError, TypeError):
        raise BadRequest("send {old, new}")
    if request.query.get("format") == "text":
        texts = [json.dumps(x, indent=2, sort_keys=True, ensure_ascii=False).splitlines() for x in (old, new)]
        return Response("\n".join(difflib.unified_diff(*texts, "old", "new", lineterm="")))
    return walk(old, new)
