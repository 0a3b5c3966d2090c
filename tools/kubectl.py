# SPDX-License-Identifier: Apache-2.0
"""kubectl for tests and demo: what an administrator or a tenant types."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Manifest = Mapping[str, Any]
FIELD_MANAGER = "tests"
POLL_SECONDS = 0.1

T = TypeVar("T")


class KubectlError(Exception):
    """kubectl refused; the text is what it wrote to standard error."""


class Kubectl:
    """The program with one kubeconfig, as one user (`--as` when given)."""

    def __init__(self, program: Path, kubeconfig: Path, *options: str) -> None:
        self._command = [str(program), f"--kubeconfig={kubeconfig}", *options]
        self._program, self._kubeconfig, self._options = program, kubeconfig, options

    def impersonating(self, user: str, *groups: str) -> "Kubectl":
        """The same cluster as another user."""
        options = [f"--as={user}", *(f"--as-group={group}" for group in groups)]
        return Kubectl(self._program, self._kubeconfig, *self._options, *options)

    def __call__(self, *arguments: str, given: str | None = None, timeout: float = 120) -> str:
        """Standard output of one command. Raises KubectlError with what it wrote to standard error."""
        done = subprocess.run(
            [*self._command, *arguments], input=given, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *manifests: Manifest) -> None:
        """Server-side apply, so that nothing is added to the objects."""
        self(
            "apply",
            "--server-side",
            f"--field-manager={FIELD_MANAGER}",
            "--force-conflicts",
            "-f",
            "-",
            given=as_list(manifests),
        )

    def apply_files(self, path: Path) -> None:
        """Server-side apply of a file or a folder."""
        self("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", "--force-conflicts", "-f", str(path))

    def allowed(self, verb: str, what: str, namespace: str) -> bool:
        """Whether this user may do that in that place."""
        answer = json.dumps(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": _asked(verb, what, namespace),
            }
        )
        review = json.loads(self("create", "--validate=false", "-f", "-", "-o", "json", given=answer))
        return bool(review["status"]["allowed"])

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """One live object."""
        scope = ["-n", namespace] if namespace else []
        found: dict[str, Any] = json.loads(self("get", kind, name, *scope, "-o", "json"))
        return found

    def find(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One live object, or None when there is none of that name."""
        scope = ["-n", namespace] if namespace else []
        text = self("get", kind, name, *scope, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """All live objects of a kind (add `-n`, `-A`, `-l`)."""
        found: list[dict[str, Any]] = json.loads(self("get", kind, *arguments, "-o", "json"))["items"]
        return found

    @contextmanager
    def watching(self, *arguments: str) -> Iterator[list[str]]:
        """`kubectl get --watch` meanwhile, from its first line on; the list has its lines afterwards."""
        command = [*self._command, "get", *arguments, "--watch"]
        seen: list[str] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            seen.append(watch.stdout.readline().rstrip())
            try:
                yield seen
            finally:
                watch.terminate()
                seen += watch.stdout.read().splitlines()


def _asked(verb: str, what: str, namespace: str) -> Manifest:
    resource, _, subresource = what.partition("/")
    resource, _, group = resource.partition(".")
    attributes = {
        "verb": verb,
        "resource": resource,
        "subresource": subresource,
        "group": group,
        "namespace": namespace,
    }
    return {"resourceAttributes": attributes}


def as_list(manifests: tuple[Manifest, ...]) -> str:
    """Manifests as one JSON List, which `kubectl -f -` takes."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})


def until(question: Callable[[], T], seconds: float = 60, what: str = "the condition") -> T:
    """The first true answer. Raises AssertionError with the last answer when none came in time."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds:.0f} s: {answer!r}"
        time.sleep(POLL_SECONDS)
    return answer


def condition(object_: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a status; empty when it is missing."""
    conditions = object_.get("status", {}).get("conditions", [])
    return next((entry for entry in conditions if entry["type"] == kind), {})
