# SPDX-License-Identifier: Apache-2.0
"""What the operator would say about an app: its code, and what its budget allows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pydantic import ValidationError

from genapps.api.appbudget import AppBudget
from genapps.api.conditions import Reason
from genapps.api.connector import Connector
from genapps.api.generatedapp import GeneratedApp
from genapps.api.names import LABEL_SOURCE, SYSTEM_NAMESPACE
from genapps.api.source import Code, Language
from genapps.cli.check.advice import FAILS_WHEN_CALLED, IN_MODULE, Advice, advice_on
from genapps.cli.check.documents import Document, FieldPath
from genapps.cli.check.findings import Finding, placed
from genapps.cli.check.inputs import CodeInput
from genapps.core.checks import Facts, facts_of
from genapps.core.checks.budget import budget_found, namespace_granted, tier_found
from genapps.core.checks.code import source_readable, source_verified
from genapps.core.checks.envelope import (
    connectors_granted,
    fields_supported,
    image_registry_allowed,
    language_allowed,
    risk_allowed,
    workload_class_allowed,
)
from genapps.core.checks.schedules import schedules_valid
from genapps.core.checks.tenancy import tenancy_allowed
from genapps.core.code.languages import SCANS, language_of
from genapps.core.code.source import source_of
from genapps.core.observed import Bundle, NotAsked, Observed, Platform, SourceProblem
from genapps.core.verdict import Finding as CheckFinding

_ANYWHERE: tuple[Callable[[Facts], CheckFinding | None], ...] = (
    fields_supported,
    schedules_valid,
    source_readable,
    source_verified,
)
_WITH_BUDGET: tuple[Callable[[Facts], CheckFinding | None], ...] = (
    budget_found,
    namespace_granted,
    tier_found,
    risk_allowed,
    language_allowed,
    workload_class_allowed,
    image_registry_allowed,
    tenancy_allowed,
)
"""The operator's checks that need no cluster; the rest are about what runs, and about other apps."""
_SOURCE: FieldPath = ("spec", "code", "source")
_CONNECTORS: FieldPath = ("spec", "envelope", "connectors")
_PLACES: Mapping[Reason, FieldPath] = {
    Reason.BUDGET_NOT_FOUND: ("spec", "budget"),
    Reason.NAMESPACE_NOT_GRANTED: ("metadata", "namespace"),
    Reason.TIER_NOT_FOUND: ("spec", "tier"),
    Reason.RISK_CLASS_NOT_ALLOWED: ("spec", "envelope", "riskClass"),
    Reason.LANGUAGE_NOT_ALLOWED: ("spec", "code", "language"),
    Reason.WORKLOAD_CLASS_NOT_ALLOWED: ("spec", "workloadClass"),
    Reason.SCHEDULE_INVALID: ("spec", "schedules"),
    Reason.CONNECTOR_UNKNOWN: _CONNECTORS,
    Reason.IMAGE_REGISTRY_NOT_ALLOWED: (*_SOURCE, "image", "reference"),
    Reason.TENANCY_NOT_ALLOWED: ("spec", "tenancy"),
    Reason.DIGEST_MISMATCH: ("spec", "code", "digest"),
    Reason.SOURCE_TOO_LARGE: _SOURCE,
    Reason.SOURCE_INVALID: (*_SOURCE, "configMap", "entry"),
    Reason.SOURCE_NOT_LABELLED: (*_SOURCE, "configMap", "name"),
}


@dataclass(frozen=True)
class Surroundings:
    """What else was named: the objects that an app refers to."""

    namespace: str
    """Of objects that name none; may be empty."""
    budgets: Mapping[str, AppBudget]
    connectors: Mapping[str, Connector]
    config_maps: Sequence[Document]

    def namespace_of(self, document: Document) -> str:
        """The namespace that an object goes to, as far as it is known."""
        named = document.metadata.get("namespace")
        return named if isinstance(named, str) and named else self.namespace

    def config_map(self, name: str, namespace: str) -> Document | None:
        """The ConfigMap of that name: of that namespace, or where one of the two is not known."""
        for document in self.config_maps:
            places = {namespace, self.namespace_of(document)}
            if document.metadata.get("name") == name and (len(places) == 1 or "" in places):
                return document
        return None


def check_app(
    document: Document, app: GeneratedApp | None, around: Surroundings
) -> tuple[list[Finding], list[Finding]]:
    """Findings on one app, and notes on what could not be checked; `app` is None where the manifest is not valid."""
    code = app.spec.code if app else _code(document)
    if code is None:
        return [], []
    config_map = _config_map(document, code, around)
    unknown = code.source.inline is None and config_map is None
    source = NotAsked() if unknown else source_of(code, config_map.value if config_map else None)
    found, notes = [], []
    if unknown:
        what = "the code is in an image" if code.source.image else "its ConfigMap is not among the inputs"
        notes.append(placed(document, _SOURCE, "NotChecked", f"The code was not checked: {what}."))
    if app is not None:
        found += _judged(document, app, source, around)
        if not around.budgets:
            message = f"What AppBudget {app.spec.budget} allows was not checked: name its manifest with --budget."
            notes.append(placed(document, ("spec", "budget"), "NotChecked", message))
        if app.spec.envelope.connectors and not around.connectors:
            message = "Whether the app may use its connectors was not checked: name their manifests with --budget."
            notes.append(placed(document, _CONNECTORS, "NotChecked", message))
    if isinstance(source, Bundle):
        for said in _said(code.language, source):
            _sorted_in(_in_code(document, config_map, replace(said, file=_key(code, said.file))), found, notes)
    return found, notes


def check_code(code: CodeInput) -> tuple[list[Finding], list[Finding]]:
    """Findings and notes on code that was named itself."""
    if code.fault:
        return [Finding(code.path, 1, Reason.SOURCE_INVALID, code.fault)], []
    found: list[Finding] = []
    notes: list[Finding] = []
    for said in _said(language_of(code.entry), Bundle(code.entry, code.files)):
        _sorted_in(Finding(code.place(said.file or code.entry), said.line or 1, said.code, said.message), found, notes)
    return found, notes


def check_source(document: Document, entry: str) -> tuple[list[Finding], list[Finding]]:
    """Findings and notes on a ConfigMap with code that no app among the inputs refers to."""
    code = Code.model_validate(
        {"language": language_of(entry) or "python", "source": {"configMap": {"name": "unnamed", "entry": entry}}},
    )
    source = source_of(code, {**document.value, "metadata": document.metadata})
    if isinstance(source, SourceProblem):
        name = str(document.metadata.get("name", ""))
        message = source.message.replace("ConfigMap unnamed", f"ConfigMap {name}")
        path: FieldPath = ("metadata",) if source.reason is Reason.SOURCE_NOT_LABELLED else ("data",)
        return [placed(document, path, source.reason, message)], []
    found: list[Finding] = []
    notes: list[Finding] = []
    for said in _said(language_of(entry), source):
        _sorted_in(_in_code(document, document, said), found, notes)
    return found, notes


def is_source(document: Document) -> bool:
    """Whether a ConfigMap says that it holds code."""
    labels = document.metadata.get("labels")
    return isinstance(labels, dict) and labels.get(LABEL_SOURCE) == "true"


def refers_to(document: Document) -> str:
    """The name of the ConfigMap with an app's code; empty where it is elsewhere."""
    code = _code(document)
    return code.source.config_map.name if code and code.source.config_map else ""


def _code(document: Document) -> Code | None:
    spec = document.value.get("spec")
    try:
        return Code.model_validate(spec.get("code") if isinstance(spec, dict) else None)
    except ValidationError:
        return None


def _config_map(document: Document, code: Code, around: Surroundings) -> Document | None:
    if code.source.config_map is None:
        return None
    return around.config_map(code.source.config_map.name, around.namespace_of(document))


def _judged(
    document: Document, app: GeneratedApp, source: Bundle | SourceProblem | NotAsked, around: Surroundings
) -> list[Finding]:
    budget = around.budgets.get(app.spec.budget)
    namespace = around.namespace_of(document)
    if not namespace and budget and budget.spec.namespaces:
        # Nobody knows yet where it goes: all else about the budget can be checked.
        namespace = budget.spec.namespaces[0]
    app = app.model_copy(update={"metadata": app.metadata.model_copy(update={"namespace": namespace})})
    run_namespaces = frozenset(each.spec.run_namespace for each in around.budgets.values())
    observed = Observed(
        metadata=app.metadata,
        app=app,
        status={},
        namespace_uid="",
        budget=budget,
        source=source,
        platform=Platform(SYSTEM_NAMESPACE, run_namespaces, "", None, None),
        connectors=around.connectors,
    )
    facts = facts_of(observed, app)
    checks = [*_ANYWHERE, *(_WITH_BUDGET if around.budgets else ())]
    if around.connectors and namespace:
        checks.append(connectors_granted)
    findings = [finding for check in checks if (finding := check(facts))]
    return [
        placed(document, _PLACES.get(finding.reason, ("spec",)), finding.reason, finding.message)
        for finding in findings
    ]


@lru_cache(maxsize=64)
def _scanned(language: Language, digest: str, entry: str, files: tuple[tuple[str, bytes], ...]) -> SourceProblem | None:
    return SCANS[language](entry, dict(files))


def _said(language: Language | None, bundle: Bundle) -> Sequence[Advice]:
    """What is wrong with code in a language that is scanned; advice only where it can load."""
    if language is None or language not in SCANS:
        return ()
    problem = _scanned(language, bundle.digest, bundle.entry, tuple(bundle.files.items()))
    if problem is not None:
        return [Advice(problem.file, problem.line, problem.reason, problem.message)]
    return advice_on(language, bundle)


def _sorted_in(said: Finding, found: list[Finding], notes: list[Finding]) -> None:
    (notes if said.code in {IN_MODULE, FAILS_WHEN_CALLED} else found).append(said)


def _key(code: Code, path: str) -> str:
    """The key of the ConfigMap that holds a file."""
    items = code.source.config_map.items if code.source.config_map else None
    return next((item.key for item in items or () if item.path == path), path)


def _in_code(document: Document, config_map: Document | None, said: Advice) -> Finding:
    """A finding at the line of the code itself where the code is a literal block, else at its field."""
    holder, path = document, (*_SOURCE, "inline")
    if config_map is not None:
        holder, path = config_map, ("data", said.file)
    finding = placed(holder, path, said.code, said.message)
    if said.line and path in holder.blocks:
        return replace(finding, line=holder.blocks[path] + said.line - 1)
    return finding
