# SPDX-License-Identifier: Apache-2.0
"""What is named on the command line, as the operator would see it: an app with its code, its tier and its connectors.

A project is a folder with `manifest.yaml`, a GeneratedApp without `spec.code.source`, and its code in the folder `app`.
Any other folder, and a file of code, is an app with a manifest that is made for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genapps.api.appbudget import AppBudget, Tier
from genapps.api.apprecord import ResolvedTier
from genapps.api.connector import Connector
from genapps.api.digests import INLINE_ENTRY
from genapps.api.generatedapp import GeneratedApp, Language
from genapps.api.names import API_VERSION
from genapps.cli.bundles import read_bundle
from genapps.cli.check.apps import check_code
from genapps.cli.check.command import check
from genapps.cli.check.documents import Document, UnreadableError, parse
from genapps.cli.check.inputs import CODE, MANIFESTS, CodeInput, Inputs, read_documents
from genapps.cli.check.manifests import check_object, is_config_map
from genapps.core.code.languages import language_of
from genapps.core.code.source import source_of
from genapps.core.observed import Bundle, NotAsked, SourceProblem
from genapps.laptop.named import Named, SourceError, name_of

MANIFEST = "manifest.yaml"
CODE_FOLDER = "app"
NAMESPACE = "laptop"
"""Of an app whose manifest names none."""
SHOWN = 10
"""Findings that a refusal lists."""
_BUDGET = "laptop"
_NO_CODE = "\n"
"""Stands for code that is elsewhere, where the form of an app wants some."""
_TIER = "small"
_NAME = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class AppSource:
    """An app that may run, as far as can be told without running it."""

    app: GeneratedApp
    bundle: Bundle
    tier: ResolvedTier
    connectors: Mapping[str, Connector]
    """Those whose manifests were named."""
    notes: tuple[str, ...] = ()
    """What the author should know, and nothing is refused for."""


def read_app(named: Named, granted: Iterable[str] = ()) -> AppSource:
    """The app at a path; `granted` are connectors for an app without a manifest. Raises SourceError."""
    try:
        others = [*_documents(named.connectors), *(_documents((named.budget,)) if named.budget else [])]
        if named.path.is_dir() and (named.path / MANIFEST).is_file():
            return _project(named, others)
        if named.path.is_dir() or named.path.suffix in CODE:
            return _code(named, others, granted)
        return _manifest(named, others)
    except (UnreadableError, ValueError) as error:
        raise SourceError(str(error)) from None
    except OSError as error:
        raise SourceError(f"{error.filename or named.path}: {error.strerror or 'cannot be read'}") from None


def need_name(given: str, what: str) -> None:
    """Raises SourceError unless `what` may be called so."""
    if _NAME.fullmatch(given) is None:
        form = "use at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit"
        raise SourceError(f"{given!r} is no name of {what}: {form}")


def manifest_of(name: str, language: str, connectors: Iterable[str], inline: str = "") -> dict[str, Any]:
    """A GeneratedApp for code that came without one."""
    granted = sorted(set(connectors))
    envelope = {"owner": {"team": "apps"}, "riskClass": "low"} | ({"connectors": granted} if granted else {})
    return {
        "apiVersion": API_VERSION,
        "kind": "GeneratedApp",
        "metadata": {"name": name},
        "spec": {
            "envelope": envelope,
            "code": {"language": language} | ({"source": {"inline": inline}} if inline else {}),
            "tier": _TIER,
            "budget": _BUDGET,
        },
    }


def read_project(named: Named) -> tuple[Document, str, dict[str, bytes]]:
    """The manifest of a project, which holds no source, and its code: the entry and the files. Raises as `read_app`."""
    found = read_documents(named.path / MANIFEST)
    document = next((one for one in found if one.kind == "GeneratedApp"), None)
    if document is None or len(found) > 1:
        raise SourceError(f"{named.path / MANIFEST}: must hold one GeneratedApp and nothing else")
    spec = document.value.get("spec")
    code = spec.get("code") if isinstance(spec, dict) else None
    for field in ("source", "digest"):
        if isinstance(code, dict) and field in code:
            line = document.line(("spec", "code", field))
            raise SourceError(
                f"{document.file}:{line}: leave out spec.code.{field}: the code is in the folder {CODE_FOLDER}"
            )
    language = code.get("language") if isinstance(code, dict) else None
    entry = named.entry or (INLINE_ENTRY.get(language) if isinstance(language, str) else None)
    return document, *read_bundle(named.path / CODE_FOLDER, entry)


def _project(named: Named, others: list[Document]) -> AppSource:
    document, entry, files = read_project(named)
    value = dict(document.value)
    spec = value.get("spec")
    if isinstance(spec, dict) and isinstance(spec.get("code"), dict):
        # The form of an app wants a source; which one is a matter of `genapps render`.
        value["spec"] = {**spec, "code": {**spec["code"], "source": _elsewhere(entry)}}
    whole = replace(document, value=value)
    app = _valid(whole)
    return _judged(named, app, Bundle(entry, files), [*others, whole], str(named.path / CODE_FOLDER))


def _elsewhere(entry: str) -> dict[str, Any]:
    """A source for code that is not in the manifest: a component is no text."""
    if language_of(entry) is Language.COMPONENT:
        return {"configMap": {"name": CODE_FOLDER, "entry": entry}}
    return {"inline": _NO_CODE}


def _code(named: Named, others: list[Document], granted: Iterable[str]) -> AppSource:
    entry, files = read_bundle(named.path, named.entry)
    connectors = {*granted, *(str(one.metadata.get("name")) for one in others if one.kind == "Connector")}
    value = manifest_of(name_of(named.path), language_of(entry) or Language.PYTHON, connectors, _NO_CODE)
    app = GeneratedApp.model_validate(value)
    return _judged(named, app, Bundle(entry, files), others, str(named.path))


def _manifest(named: Named, others: list[Document]) -> AppSource:
    if named.path.exists() and named.path.suffix not in MANIFESTS:
        raise SourceError(f"{named.path}: name a folder, or a file that ends in {', '.join(sorted(CODE | MANIFESTS))}")
    documents = read_documents(named.path)
    apps = [one for one in documents if one.kind == "GeneratedApp"]
    if len(apps) != 1:
        raise SourceError(f"{named.path}: holds {len(apps)} GeneratedApps; name a file that holds one")
    _refuse([str(found) for found in check(Inputs([*documents, *others]), named.entry, "")[0]])
    app = _valid(apps[0])
    wanted = app.spec.code.source.config_map
    maps = [one.value for one in documents if wanted and is_config_map(one) and one.metadata.get("name") == wanted.name]
    source = source_of(app.spec.code, maps[0] if maps else None)
    if app.spec.code.source.image is not None:
        raise SourceError(f"{named.path}: the code is in an image; name the folder that the image was made of")
    if isinstance(source, SourceProblem | NotAsked):
        raise SourceError(f"{named.path}: {source.message if isinstance(source, SourceProblem) else 'has no code'}")
    return _judged(named, app, source, [*documents, *others], "")


def _judged(named: Named, app: GeneratedApp, bundle: Bundle, others: list[Document], place: str) -> AppSource:
    """The app, unless something is found that the operator would refuse."""
    notes = []
    if place:
        _refuse([str(found) for found in check(Inputs([*others]), None, "")[0]] if others else [])
        # What is read of a file alone has the name that inline code gets.
        found, said = check_code(CodeInput(place, bundle.entry, bundle.files))
        _refuse([str(one) for one in found])
        notes = [str(one) for one in said]
    models = [check_object(one).model for one in others if one.kind in {"AppBudget", "Connector"}]
    connectors = {one.metadata.name: one for one in models if isinstance(one, Connector)}
    budgets = {one.metadata.name: one for one in models if isinstance(one, AppBudget)}
    tier, more = _tier(named, app, budgets)
    if app.spec.tenancy is not None:
        app = app.model_copy(update={"spec": app.spec.model_copy(update={"tenancy": None})})
        notes.append("spec.tenancy is left out here: all requests are those of one tenant")
    if not app.metadata.namespace:
        app = app.model_copy(update={"metadata": app.metadata.model_copy(update={"namespace": NAMESPACE})})
        connectors = {name: _granted(one) for name, one in connectors.items()}
    return AppSource(app, bundle, tier, connectors, (*notes, *more))


def _granted(connector: Connector) -> Connector:
    """To an app whose namespace nobody has chosen yet."""
    spec = connector.spec.model_copy(update={"namespaces": (*connector.spec.namespaces, NAMESPACE)})
    return connector.model_copy(update={"spec": spec})


def _tier(named: Named, app: GeneratedApp, budgets: Mapping[str, AppBudget]) -> tuple[ResolvedTier, tuple[str, ...]]:
    budget = budgets.get(app.spec.budget) or (next(iter(budgets.values())) if len(budgets) == 1 else None)
    if budget is None:
        if named.tier:
            raise SourceError("--tier names a tier of an AppBudget: name its manifest with --budget")
        note = f"tier {app.spec.tier} has the defaults of a tier: name the AppBudget with --budget for its own"
        return ResolvedTier.model_validate({**Tier().model_dump(), "name": app.spec.tier}), (note,)
    wanted = named.tier or (app.spec.tier if app.spec.tier in budget.spec.tiers else _TIER)
    tier = budget.spec.tiers.get(wanted)
    if tier is None:
        known = ", ".join(sorted(budget.spec.tiers))
        raise SourceError(f"AppBudget {budget.metadata.name} has no tier {wanted!r} (it has: {known})")
    return ResolvedTier.model_validate({**tier.model_dump(), "name": wanted}), ()


def _valid(document: Document) -> GeneratedApp:
    checked = check_object(document)
    _refuse([str(found) for found in checked.findings])
    if not isinstance(checked.model, GeneratedApp):
        raise SourceError(f"{document.file}: holds no GeneratedApp")
    return checked.model


def _documents(paths: Iterable[Path]) -> list[Document]:
    """The AppBudgets and Connectors of manifests. Raises SourceError for a file that holds neither."""
    found: list[Document] = []
    for path in paths:
        kept = [one for one in parse(str(path), path.read_bytes()) if one.kind in {"AppBudget", "Connector"}]
        if not kept:
            raise SourceError(f"{path}: holds no AppBudget and no Connector")
        found += kept
    return found


def _refuse(findings: list[str]) -> None:
    if findings:
        more = f"\nand {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
        raise SourceError("\n".join(findings[:SHOWN]) + more)
