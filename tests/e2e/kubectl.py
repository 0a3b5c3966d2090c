"""kubectl as the demo and its test use it: the real program, one process per command."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]
COMMAND_SECONDS = 180


class SceneError(Exception):
    """Something did not come out as the demo promises; the text says what, for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One cluster: the program and, unless the user's current context is meant, the kubeconfig."""

    program: str
    kubeconfig: Path | None = None

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """Run a command and return its output; SceneError with what it said when it fails."""
        done = self._run(words, stdin)
        if done.returncode:
            raise SceneError(f"kubectl {' '.join(words)[:200]}: {(done.stderr or done.stdout).strip()[-1500:]}")
        return done.stdout

    def json(self, *words: str) -> Manifest:
        """The output of a command with `-o json`."""
        found: Manifest = json.loads(self(*words, "-o", "json"))
        return found

    def wait(self, condition: str, *words: str, seconds: int) -> bool:
        """Wait for a condition or for deletion; False when it does not come in time."""
        return self._run(("wait", f"--for={condition}", f"--timeout={seconds}s", *words), None).returncode == 0

    def _run(self, words: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
        where = ["--kubeconfig", str(self.kubeconfig)] if self.kubeconfig else []
        try:
            return subprocess.run(
                [self.program, *where, *words],
                input=stdin,
                stdin=None if stdin is not None else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise SceneError(f"{self.program} is not on this machine: install kubectl") from None
        except subprocess.TimeoutExpired:
            raise SceneError(f"kubectl {' '.join(words)[:200]}: no answer for {COMMAND_SECONDS} s") from None
