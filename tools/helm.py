# SPDX-License-Identifier: Apache-2.0
"""Helm for demo and tests: the chart rendered, installed, upgraded and tested through Helm's own library.

Users have the `helm` program; this machine needs none. The library (helm-python-sdk) is used only here.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

CHART = Path(__file__).resolve().parents[1] / "charts" / "genapps"
RELEASE = "genapps"
NAMESPACE = "genapps-system"

LINT_INFORMATION = 1
KEPT_REVISIONS = 5

Values = dict[str, Any]
Manifest = dict[str, Any]


def values_for(images: dict[str, str], **more: Any) -> Values:
    """Chart values from the content of `build/images.json`, with more top-level values beside them."""
    return {"image": {"genapps": images["genapps"], "runtime": images["runtime"]}, **more}


def render(values: Values, namespace: str = NAMESPACE, *, api_versions: Sequence[str] = ()) -> list[Manifest]:
    """All manifests of the chart, without a cluster; `api_versions` are what the cluster has beside Kubernetes' own.

    Raises helm_python.HelmError for values that the schema or a template refuses.
    """
    rendered = _rendered(values, namespace, api_versions)
    documents = [
        document
        for path, text in sorted(rendered.items())
        if path.endswith(".yaml")
        for document in yaml.load_all(text, yaml.CSafeLoader)
    ]
    return [document for document in documents if document]


def notes(values: Values, *, api_versions: Sequence[str] = ()) -> str:
    """What Helm tells the person who installs the chart."""
    rendered = _rendered(values, NAMESPACE, api_versions)
    return next(text for path, text in rendered.items() if path.endswith("NOTES.txt"))


def lint(values: Values) -> list[str]:
    """What `helm lint --strict` warns about or refuses, one line each."""
    report = helm_python.lint(CHART, values, strict=True, namespace=NAMESPACE)
    warnings = [message for message in report["messages"] if message["severity"] > LINT_INFORMATION]
    return [f"{message['path']}: {message['error']}" for message in warnings]


def package(target: Path) -> Path:
    """The chart as `genapps-<version>.tgz` in that folder."""
    return Path(helm_python.package(CHART, destination=target))


def install(kubeconfig: Path, values: Values, timeout: int = 180, chart: Path = CHART) -> int:
    """Install the release, or upgrade it, and wait until its pods are ready; return the release's revision.

    One at a time for a kubeconfig: two upgrades at once spoil the release.
    """
    with _alone(kubeconfig), _config(kubeconfig) as config:
        states = [str(revision["status"]) for revision in _history(config)]
        if states and states[-1].startswith("pending-"):
            # An earlier run was killed in the middle; Helm refuses to go on with what it left.
            if {"deployed", "superseded"} & set(states):
                config.rollback(RELEASE, wait="watcher", timeout=timeout)
            else:
                config.uninstall(RELEASE, wait="watcher", timeout=timeout)
                states = []
        if states and states[-1] != "uninstalled":
            release = config.upgrade(
                chart, RELEASE, values, reset_values=True, wait="watcher", timeout=timeout, max_history=KEPT_REVISIONS
            )
        else:
            release = config.install(chart, RELEASE, values, create_namespace=True, wait="watcher", timeout=timeout)
        return int(release["revision"])


def uninstall(kubeconfig: Path, timeout: int = 120) -> None:
    """Remove the release, and wait until everything is gone except what it keeps."""
    with _alone(kubeconfig), _config(kubeconfig) as config:
        config.uninstall(RELEASE, wait="watcher", timeout=timeout)


def run_tests(kubeconfig: Path, timeout: int = 120) -> str:
    """Run the chart's tests; return their logs. Raises helm_python.HelmError when one fails."""
    with _config(kubeconfig) as config:
        return str(config.test(RELEASE, timeout=timeout, logs=True)["logs"])


def _rendered(values: Values, namespace: str, api_versions: Sequence[str]) -> dict[str, str]:
    """Text by template."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        # Chart.render() of the library cannot say which API versions the cluster has.
        options = {"name": RELEASE, "namespace": namespace, "is_install": True, "api_versions": list(api_versions)}
        rendered: dict[str, str] = json.loads(
            _native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
        )
    return rendered


def _history(config: helm_python.Config) -> list[dict[str, Any]]:
    try:
        return config.history(RELEASE)
    except helm_python.HelmNotFoundError:
        return []


@contextmanager
def _alone(kubeconfig: Path) -> Iterator[None]:
    with kubeconfig.with_name("helm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _config(kubeconfig: Path) -> helm_python.Config:
    return helm_python.Config(kubeconfig_path=kubeconfig, namespace=NAMESPACE)
