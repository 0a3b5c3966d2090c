# SPDX-License-Identifier: Apache-2.0
"""The operator's look at JavaScript and the engine agree: what is refused before a pod starts would never have run."""

import pytest

from genapps.core.code.javascript.scan import scan_javascript
from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import RefusedError
from tests.support.guest import AppInEngine

OTHERS = {
    "lib/words.js": b"export default 1",
    "data.json": b"{}",
    "a.ts": b"export default 1",
    "public/page.js": b"export default 1",
}
REFUSED = [
    "import 'left-pad'",
    "import a from '@x/y'",
    "import {WorkerEntrypoint} from 'cloudflare:workers'",
    "import fs from 'node:fs'",
    "export * from 'https://esm.example/a.js'",
    "import 'lib/words.js'",
    "import a from './lib/words'",
    "import a from './lib'",
    "import './nothing.js'",
    "import './public/page.js'",
    "const a = require('fs')",
]
TAKEN = [
    "import a from './lib/words.js'",
    "import a from '././lib/../lib/words.js'",
    "import a from '/lib/words.js'",
    "import a from './data.json'",
    "import './app.js'",
    "import './a.ts'",
    "const later = () => import('left-pad')",
    "const later = () => require('fs')",
    "const a = {} / 2 /1; const b = `${/`/.source}`; // import 'left-pad'",
]


def bundle(source: str) -> dict[str, bytes]:
    return {"app.js": f"{source}\nexport default {{ fetch() {{}} }}\n".encode(), **OTHERS}


@pytest.mark.parametrize("source", REFUSED)
def test_what_the_scan_refuses_the_engine_does_not_load(javascript: Language, source: str) -> None:
    found = scan_javascript("app.js", bundle(source))
    assert found is not None
    assert found.line == 1
    with pytest.raises(RefusedError, match=r"app\.js, line 1") as refused:
        AppInEngine(javascript, bundle(source), "app.js", "javascript")
    if "require" not in source:
        assert str(refused.value.reason) == str(found.reason)


@pytest.mark.parametrize("source", TAKEN)
def test_what_the_engine_loads_the_scan_leaves_alone(javascript: Language, source: str) -> None:
    assert scan_javascript("app.js", bundle(source)) is None
    AppInEngine(javascript, bundle(source), "app.js", "javascript")
