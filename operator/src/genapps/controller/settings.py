# SPDX-License-Identifier: Apache-2.0
"""The operator's settings: read once from the environment, then an argument."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from genapps.api.addresses import is_host_name
from genapps.api.app_pods import AppPods
from genapps.api.envelope import RiskClass
from genapps.core.catalogue.gateway_egress import CLUSTER_DNS
from genapps.environment import SettingsError
from genapps.registry.pull import Access

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Settings:
    """One operator process. `sweep_seconds` is the interval between two sweeps for lost events and orphans;
    `identity` is its name among the candidates for the Lease, the same for each container of one pod; empty: a new
    name for each process."""

    system_namespace: str
    run_namespaces: frozenset[str]
    runtime_image: str
    image_pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    """Secrets of the run namespaces with credentials for the registry of the runtime's image, by name only."""
    storage_class: str = ""
    wait_for_first_consumer: bool = False
    host_users: bool | None = None
    runtime_classes: Mapping[str, str] = field(default_factory=dict)
    """RuntimeClass of the apps' pods by effective risk class; none for a risk that is not there."""
    apps: AppPods = field(default_factory=AppPods)
    sweep_seconds: float = 10.0
    progress_deadline_seconds: float = 120.0
    forced_apply_seconds: float = 3600.0
    workers: int = 16
    identity: str = ""
    lease_seconds: int = 15
    gateway_dns: tuple[Mapping[str, Any], ...] = CLUSTER_DNS
    """NetworkPolicyEgressRules that lead the gateway to the cluster's DNS."""
    cluster_ranges: tuple[str, ...] = ()
    """Public addresses that are the cluster's own (pods, Services, nodes), as CIDRs: no URL leads there."""
    health_port: int = 9090
    log_level: str = "info"
    registries: Access = field(default_factory=Access)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError; unset variables that have a default take it."""
        read = _Reader(environ)
        run_namespaces = read.namespaces("GENAPPS_RUN_NAMESPACES", "genapps-run")
        return cls(
            system_namespace=read.namespace("GENAPPS_SYSTEM_NAMESPACE", "genapps-system"),
            run_namespaces=run_namespaces,
            runtime_image=read.text("GENAPPS_RUNTIME_IMAGE"),
            image_pull_policy=read.choice("GENAPPS_IMAGE_PULL_POLICY", "IfNotPresent", _PULL_POLICIES),
            pull_secrets=read.object_names("GENAPPS_PULL_SECRETS"),
            storage_class=environ.get("GENAPPS_STORAGE_CLASS", ""),
            wait_for_first_consumer=read.flag("GENAPPS_WAIT_FOR_FIRST_CONSUMER") or False,
            host_users=read.flag("GENAPPS_HOST_USERS"),
            runtime_classes=read.runtime_classes("GENAPPS_RUNTIME_CLASSES"),
            apps=read.apps("GENAPPS_APPS", run_namespaces),
            sweep_seconds=read.number("GENAPPS_SWEEP_SECONDS", 10, 0.1, 3600),
            progress_deadline_seconds=read.number("GENAPPS_PROGRESS_DEADLINE_SECONDS", 120, 1, 3600),
            forced_apply_seconds=read.number("GENAPPS_FORCED_APPLY_SECONDS", 3600, 1, 604800),
            workers=int(read.number("GENAPPS_WORKERS", 16, 1, 256)),
            identity=environ.get("GENAPPS_IDENTITY", ""),
            lease_seconds=int(read.number("GENAPPS_LEASE_SECONDS", 15, 3, 300)),
            gateway_dns=read.rules("GENAPPS_GATEWAY_DNS", CLUSTER_DNS),
            cluster_ranges=read.ranges("GENAPPS_CLUSTER_CIDRS"),
            health_port=int(read.number("GENAPPS_HEALTH_PORT", 9090, 1, 65535)),
            log_level=read.choice("GENAPPS_LOG_LEVEL", "info", _LOG_LEVELS),
            registries=Access(
                ca=read.file("GENAPPS_REGISTRY_CA"),
                credentials=read.file("GENAPPS_REGISTRY_CREDENTIALS"),
                token_hosts=read.hosts("GENAPPS_REGISTRY_TOKEN_HOSTS"),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    environ: Mapping[str, str]

    def text(self, name: str) -> str:
        value = self.environ.get(name, "").strip()
        if not value:
            raise SettingsError(f"{name} must be set")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.environ.get(name) or default
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}, it must be one of {', '.join(choices)}")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.environ.get(name, "")
        if value not in ("", "true", "false"):
            raise SettingsError(f"{name} is {value!r}, it must be true, false or empty")
        return None if value == "" else value == "true"

    def number(self, name: str, default: float, lowest: float, highest: float) -> float:
        value = self.environ.get(name) or str(default)
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not lowest <= number <= highest:
            raise SettingsError(f"{name} is {value!r}, it must be a number from {lowest:g} to {highest:g}")
        return number

    def file(self, name: str) -> Path | None:
        value = self.environ.get(name)
        return Path(value) if value else None

    def hosts(self, name: str) -> frozenset[str]:
        values = [value.strip() for value in (self.environ.get(name) or "").split(",") if value.strip()]
        for value in values:
            if not is_host_name(value):
                raise SettingsError(f"{name} has {value!r}, it must be a comma-separated list of host names")
        return frozenset(values)

    def object_names(self, name: str) -> tuple[str, ...]:
        values = [value.strip() for value in (self.environ.get(name) or "").split(",") if value.strip()]
        for value in values:
            if not _OBJECT_NAME.match(value):
                raise SettingsError(f"{name} has {value!r}, it must be a comma-separated list of names of objects")
        return tuple(values)

    def namespace(self, name: str, default: str) -> str:
        value = self.environ.get(name) or default
        if not _NAMESPACE.match(value):
            raise SettingsError(f"{name} is {value!r}, it must be the name of a namespace")
        return value

    def namespaces(self, name: str, default: str) -> frozenset[str]:
        values = [value.strip() for value in (self.environ.get(name) or default).split(",")]
        for value in values:
            if not _NAMESPACE.match(value):
                raise SettingsError(f"{name} has {value!r}, it must be a comma-separated list of namespaces")
        return frozenset(values)

    def ranges(self, name: str) -> tuple[str, ...]:
        values = [value.strip() for value in (self.environ.get(name) or "").split(",") if value.strip()]
        for value in values:
            try:
                ipaddress.ip_network(value)
            except ValueError:
                raise SettingsError(f"{name} has {value!r}, it must be a comma-separated list of CIDRs") from None
        return tuple(values)

    def rules(self, name: str, default: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        text = self.environ.get(name)
        try:
            found = json.loads(text) if text else list(default)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(rule, dict) and rule for rule in found):
            raise SettingsError(f"{name} must be a JSON list of NetworkPolicyEgressRules")
        return tuple(found)

    def apps(self, name: str, run_namespaces: frozenset[str]) -> AppPods:
        try:
            apps = AppPods.model_validate_json(self.environ.get(name) or "{}")
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in wrong["loc"])
            raise SettingsError(f"{name}{f', {where}' if where else ''}: {wrong['msg']}") from None
        for run in sorted(set(apps.by_run_namespace) - run_namespaces):
            raise SettingsError(f"{name}, byRunNamespace.{run}: it must be a run namespace")
        return apps

    def runtime_classes(self, name: str) -> dict[str, str]:
        classes = {}
        for entry in filter(None, self.environ.get(name, "").split(",")):
            risk, _, runtime_class = (part.strip() for part in entry.partition("="))
            if risk not in tuple(RiskClass) or not _OBJECT_NAME.match(runtime_class):
                allowed = "|".join(RiskClass)
                raise SettingsError(f"{name} has {entry!r}, it must be a list of {allowed}=<name of a RuntimeClass>")
            classes[risk] = runtime_class
        return classes
