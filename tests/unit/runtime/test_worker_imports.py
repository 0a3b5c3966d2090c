# SPDX-License-Identifier: Apache-2.0
"""The garbage collector is off while the worker imports, and on when it works. In processes of their own."""

import subprocess
import sys

HEAVY = """
import gc, sys
from genapps_runtime.worker import _import_app_server
gc.disable()
_import_app_server()
print(gc.isenabled(), gc.get_freeze_count() > 10_000, "genapps_runtime.serve_app" in sys.modules)
"""

# The worker's first import finds what `main` made of the collector; the real worker is not needed for that.
FIRST = """
import gc, sys, types
from genapps_runtime import main
from genapps_runtime.supervisor import supervisor

class InOneProcess:
    def __init__(self, settings, work, prove):
        self.work = work
    def run(self):
        return self.work(None, None)

def run_worker(*arguments, **options):
    print(gc.isenabled())
    return 0

supervisor.Supervisor = InOneProcess
sys.modules["genapps_runtime.worker"] = types.SimpleNamespace(run_worker=run_worker)
print(gc.isenabled())
digest = "sha256:" + "0" * 64
sys.exit(main.main(["--config-digest", digest, "--code-digest", digest]))
"""


def output(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_collector_is_off_for_the_workers_imports_and_not_before() -> None:
    assert output(FIRST) == "True\nFalse\n"


def test_the_collector_is_on_again_and_skips_what_was_imported() -> None:
    assert output(HEAVY) == "True True True\n"
