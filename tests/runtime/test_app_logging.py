# SPDX-License-Identifier: Apache-2.0
"""`logging` and what is printed become records of the action's log."""

import json
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.log_texts import told
from genapps_runtime.logs import ActionLog
from tests.runtime.snippets import Snippets

CASES: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "a warning with its logger",
        "import logging; logging.getLogger('hook').warning('bad signature from %s', 'x')",
        [{"level": "warning", "message": "bad signature from x", "fields": {"logger": "hook"}}],
    ),
    ("below the level", "import logging; logging.getLogger('quiet').info('no')", []),
    (
        "levels",
        """
        import logging
        logging.basicConfig(level=logging.DEBUG, format='%(message)s', filename='app.log')
        for level in (5, 10, 20, 30, 40, 50): logging.log(level, 'x')
        """,
        [
            {"level": level, "message": "x", "fields": {"logger": "root"}}
            for level in ("debug", "info", "warning", "error", "error")
        ],
    ),
    (
        "an exception",
        """
        import logging
        try: 1 / 0
        except ZeroDivisionError: logging.exception('failed', extra={'order': 7})
        """,
        [
            {
                "level": "error",
                "message": "failed",
                "fields": {"logger": "root", "order": "7", "exception": "ZeroDivisionError: division by zero"},
            }
        ],
    ),
    (
        "a handler of standard error adds nothing",
        """
        import logging, sys
        log = logging.getLogger('own'); log.addHandler(logging.StreamHandler(sys.stdout)); log.setLevel('INFO')
        log.info('once')
        """,
        [{"level": "info", "message": "once", "fields": {"logger": "own"}}],
    ),
    (
        "a handler of standard error alone",
        """
        import logging
        log = logging.getLogger('alone'); log.addHandler(logging.StreamHandler()); log.propagate = False
        log.error('once')
        """,
        [{"level": "error", "message": "once", "fields": {"logger": "alone"}}],
    ),
    (
        "a configuration as a dictionary",
        """
        import logging, logging.config
        logging.config.dictConfig({
            'version': 1, 'formatters': {'f': {'format': '%(message)s'}},
            'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f', 'stream': 'ext://sys.stdout'}},
            'root': {'level': 'INFO', 'handlers': ['h']},
        })
        logging.info('configured')
        """,
        [{"level": "info", "message": "configured", "fields": {"logger": "root"}}],
    ),
    (
        "a message that cannot be formatted",
        "import logging; logging.error('%d', 'x'); return 1",
        [{"level": "warning", "message": "--- Logging error ---"}],
    ),
    ("printed", "print('a', 'b')", [{"level": "info", "message": "a b"}]),
    ("printed to standard error", "import sys; print('a', file=sys.stderr)", [{"level": "warning", "message": "a"}]),
    ("bytes to standard output", "import sys; sys.stdout.buffer.write(b'a')", [{"level": "info", "message": "a"}]),
    ("bytes by number", "import os; os.write(2, b'a')", [{"level": "warning", "message": "a"}]),
    (
        "warnings",
        "import logging, warnings; logging.captureWarnings(True); warnings.warn('careful')",
        [{"level": "warning", "fields": {"logger": "py.warnings"}}],
    ),
]


@pytest.mark.parametrize(("code", "records"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_record_is_in_the_actions_log(engine: Path, code: str, records: list[dict[str, Any]]) -> None:
    snippets = Snippets(engine, [code])
    outcome = snippets.run(0)
    snippets.guest.drop()
    assert outcome.problem == ""
    found = outcome.log[: len(records)] if records and records[0].get("message", "").startswith("---") else outcome.log
    assert len(found) == len(records)
    for record, wanted in zip(found, records, strict=True):
        trace = record.get("fields", {}).pop("exception", None)
        if trace is not None:
            assert trace.startswith("Traceback")
            assert trace.endswith(wanted["fields"].pop("exception"))
        assert record | wanted == record


def test_the_text_of_an_exception_is_kept_whole() -> None:
    log = ActionLog(10_000)
    log.add(json.dumps({"level": "error", "message": "m", "fields": {"exception": "x" * 3000, "other": "y" * 3000}}))
    (record,) = told(log.fields())["log"]
    assert {name: len(value) for name, value in record["fields"].items()} == {"exception": 2000, "other": 200}
