# SPDX-License-Identifier: Apache-2.0
"""The operator's settings: wrong ones are named, not guessed."""

from pathlib import Path

import pytest

from genapps.controller.settings import Settings
from genapps.environment import SettingsError
from genapps.registry.pull import Access

NEEDED = {"GENAPPS_RUNTIME_IMAGE": "registry/runtime:1"}


def test_what_is_not_set_has_a_default_except_the_runtime_image() -> None:
    settings = Settings.from_environ(NEEDED)
    assert (settings.system_namespace, settings.run_namespaces) == ("genapps-system", frozenset({"genapps-run"}))
    assert (settings.host_users, settings.wait_for_first_consumer, settings.workers) == (None, False, 16)
    with pytest.raises(SettingsError, match="GENAPPS_RUNTIME_IMAGE"):
        Settings.from_environ({})


def test_empty_variables_count_as_not_set() -> None:
    names = ("SYSTEM_NAMESPACE", "RUN_NAMESPACES", "IMAGE_PULL_POLICY", "HOST_USERS", "SWEEP_SECONDS", "LOG_LEVEL")
    empty = {f"GENAPPS_{name}": "" for name in names}
    assert Settings.from_environ(NEEDED | empty) == Settings.from_environ(NEEDED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GENAPPS_SYSTEM_NAMESPACE", "Upper"),
        ("GENAPPS_RUN_NAMESPACES", "one,,two"),
        ("GENAPPS_RUN_NAMESPACES", "one, ../two"),
        ("GENAPPS_IMAGE_PULL_POLICY", "Sometimes"),
        ("GENAPPS_HOST_USERS", "yes"),
        ("GENAPPS_WAIT_FOR_FIRST_CONSUMER", "1"),
        ("GENAPPS_PULL_SECRETS", "registry,Other"),
        ("GENAPPS_APPS", "["),
        ("GENAPPS_APPS", '{"pod": {"labels": {"genapps.dev/app": "x"}}}'),
        ("GENAPPS_APPS", '{"childLabels": {"app.kubernetes.io/managed-by": "x"}}'),
        ("GENAPPS_APPS", '{"childAnnotations": {"sub.genapps.dev/x": "x"}}'),
        ("GENAPPS_APPS", '{"byRunNamespace": {"elsewhere": {}}}'),
        ("GENAPPS_APPS", '{"runAsUser": 0}'),
        ("GENAPPS_APPS", '{"safeToEvict": "perhaps"}'),
        ("GENAPPS_APPS", '{"safeToEvikt": true}'),
        ("GENAPPS_SWEEP_SECONDS", "0"),
        ("GENAPPS_SWEEP_SECONDS", "nan"),
        ("GENAPPS_PROGRESS_DEADLINE_SECONDS", "0"),
        ("GENAPPS_PROGRESS_DEADLINE_SECONDS", "3601"),
        ("GENAPPS_WORKERS", "many"),
        ("GENAPPS_RUNTIME_CLASSES", "extreme=kata"),
        ("GENAPPS_RUNTIME_CLASSES", "high"),
        ("GENAPPS_RUNTIME_CLASSES", "high=Kata VM"),
        ("GENAPPS_LEASE_SECONDS", "2"),
        ("GENAPPS_LOG_LEVEL", "loud"),
        ("GENAPPS_REGISTRY_TOKEN_HOSTS", "auth.example.com,10.0.0.1"),
        ("GENAPPS_CLUSTER_CIDRS", "10.0.0.0/8,10.0.0.1/8"),
        ("GENAPPS_GATEWAY_DNS", "{}"),
        ("GENAPPS_GATEWAY_DNS", "[{}]"),
        ("GENAPPS_GATEWAY_DNS", "["),
    ],
)
def test_a_malformed_variable_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ(NEEDED | {name: value})


def test_a_malformed_value_of_the_apps_is_refused_by_its_path() -> None:
    with pytest.raises(SettingsError, match=r"GENAPPS_APPS, safeToEvict: "):
        Settings.from_environ(NEEDED | {"GENAPPS_APPS": '{"safeToEvict": 7}'})
    settings = Settings.from_environ(NEEDED | {"GENAPPS_APPS": '{"safeToEvict": false}'})
    assert settings.apps.safe_to_evict is False


def test_several_run_namespaces_are_a_list() -> None:
    settings = Settings.from_environ(NEEDED | {"GENAPPS_RUN_NAMESPACES": "one, two"})
    assert settings.run_namespaces == frozenset({"one", "two"})


def test_pull_secrets_keep_their_order() -> None:
    settings = Settings.from_environ(NEEDED | {"GENAPPS_PULL_SECRETS": "registry, backup.registry"})
    assert settings.pull_secrets == ("registry", "backup.registry")


def test_runtime_classes_are_named_by_risk() -> None:
    settings = Settings.from_environ(NEEDED | {"GENAPPS_RUNTIME_CLASSES": "medium=gvisor, high=kata.vm"})
    assert settings.runtime_classes == {"medium": "gvisor", "high": "kata.vm"}


def test_registries_are_reached_as_the_platform_says() -> None:
    assert Settings.from_environ(NEEDED).registries == Access()
    given = {"CA": "/a/ca.crt", "CREDENTIALS": "/b/config.json", "TOKEN_HOSTS": "auth.example.com, id.example.org"}
    settings = Settings.from_environ(NEEDED | {f"GENAPPS_REGISTRY_{name}": value for name, value in given.items()})
    hosts = frozenset({"auth.example.com", "id.example.org"})
    assert settings.registries == Access(Path("/a/ca.crt"), Path("/b/config.json"), hosts)
