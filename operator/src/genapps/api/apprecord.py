# SPDX-License-Identifier: Apache-2.0
"""AppRecord: the verdicts and evidence about one app name. It outlives the app; only the operator writes it."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from genapps.api.appbudget import Tier, ViolationPolicy
from genapps.api.envelope import Owner, RiskClass
from genapps.api.fields import Digest, DnsLabel, HttpsUrl, ObjectMeta, OwnModel, Time
from genapps.api.names import API_VERSION, FINALIZER_PURGE

Text = Annotated[str, Field(max_length=1024)]
Uid = Annotated[str, Field(max_length=64)]
MOST_PARTS = 32
"""ConfigMaps with the code of one revision; two together hold more than one has room for."""
CodeParts = Annotated[int, Field(ge=1, le=MOST_PARTS)]


class ObjectRef(OwnModel):
    """One object, not its successors of the same name."""

    namespace: DnsLabel
    """Its namespace."""
    name: Annotated[str, Field(max_length=253)]
    """Its name."""
    uid: Uid
    """Its uid."""


class ResolvedTier(Tier):
    """The tier as it was when the app was last judged: it holds although the budget goes away."""

    model_config = ConfigDict(extra="ignore")

    name: DnsLabel
    """Its name in the budget."""


class RecordedViolationPolicy(ViolationPolicy):
    """The policy as it was when the app was last judged."""

    model_config = ConfigDict(extra="ignore")


class EnvelopeGrant(OwnModel):
    """What the gateway needs of the envelope."""

    digest: Digest
    """The envelope's digest."""
    connectors: Annotated[tuple[DnsLabel, ...], Field(max_length=32)] = ()
    """The connectors that the app may call."""


class Revision(OwnModel):
    """What runs."""

    digest: Digest
    """The digest of the revision."""
    code_digest: Digest
    """The digest of the code."""
    config_digest: Digest
    """The digest of the RuntimeConfig."""
    code_parts: CodeParts | None = None
    """The ConfigMaps that hold its code; absent: one holds it as it is."""
    settings_digest: Digest | None = None
    """The digest of what the app's spec says for the RuntimeConfig; another RuntimeConfig with the same one is the
    platform's doing."""
    restore_state: bool | None = None
    """True when it was returned to together with the state that it had left."""


class RevisionResult(StrEnum):
    """What became of a revision."""

    STARTING = "Starting"
    """Its pod was not seen ready so far."""
    RUNNING = "Running"
    """Its pod was ready; no other revision has taken its place."""
    SUPERSEDED = "Superseded"
    """Its pod was ready; another revision has taken its place. It can be returned to."""
    ABANDONED = "Abandoned"
    """Another revision took its place before its pod was ready."""
    FAILED = "Failed"
    """It never became ready, so an earlier revision runs, or none if its code cannot load; it is not tried again."""


REVISIONS_KEPT = 5
PARTS_KEPT = 24
"""ConfigMaps with the code of all of them, but that the running, the last good and the newest are always kept."""


Contracts = Annotated[dict[str, Digest], Field(max_length=32)]
"""Digests of contracts by the name of their connector."""


class KeptRevision(OwnModel):
    """A revision that ran or was tried, with what is needed to run it again."""

    digest: Digest
    """The digest of the revision: of its code, envelope, contracts, fallback and tenancy."""
    code_digest: Digest
    """Its code."""
    config_digest: Digest
    """The RuntimeConfig that it ran with last."""
    code_parts: CodeParts | None = None
    """The ConfigMaps that hold its code; absent: one holds it as it is."""
    envelope_digest: Digest
    """Its envelope."""
    at: Time
    """When it was started."""
    result: RevisionResult
    """What became of it."""
    message: Text | None = None
    """Why it failed."""
    reason: Annotated[str, Field(max_length=63)] | None = None
    """Why it failed, as a reason of a condition."""
    tier: ResolvedTier | None = None
    """The tier that it ran with last, once another revision took its place; of a failed one, that it was tried with."""
    runtime_image: Annotated[str, Field(max_length=1024)] | None = None
    """The image of the runtime that a failed revision was tried with."""
    contracts: Contracts | None = None
    """The contracts that the connectors had when it was first started."""


class Suspension(OwnModel):
    """A verdict that holds until its id is acknowledged."""

    id: Annotated[str, Field(max_length=32)]
    """32 random hex characters."""
    reason: Annotated[str, Field(max_length=63)]
    """A reason of the condition Suspended."""
    hold: DnsLabel | None = None
    """The AppHold that it came from, or that matched last; absent: it came from none."""
    at: Time
    """When it was recorded."""
    code_digest: Digest | None = None
    """The code that was suspended; the suspension follows it to other names in the namespace."""
    violations: Annotated[int, Field(ge=0)] = 0
    """How many violations counted."""
    defects: Annotated[int, Field(ge=0)] = 0
    """How many defects counted, of a suspension for defects."""


class Acknowledgement(OwnModel):
    """A suspension that somebody has looked into."""

    id: Annotated[str, Field(max_length=32)]
    """The id of the suspension."""
    at: Time
    """When it was acknowledged."""
    hold: DnsLabel | None = None
    """The AppHold that it came from: it counts as no repetition."""


class InertAcknowledgement(OwnModel):
    """An acknowledgement that ends nothing: an app was created with it beside an open suspension that it took over, or
    it was made while an AppHold matched."""

    uid: Uid
    """The app."""
    id: Annotated[str, Field(max_length=32)] | None = None
    """The id that does not count; absent: every id counts."""


class FrozenContract(OwnModel):
    """The contract of a connector as it was reviewed."""

    connector: DnsLabel
    """The connector."""
    digest: Digest
    """The digest of the contract, which names the object that holds it."""


class Evidence(OwnModel):
    """The result of one promotion gate, for one code digest."""

    check: Annotated[str, Field(max_length=63)]
    """The gate."""
    result: Annotated[str, Field(max_length=63)]
    """Its result."""
    code_digest: Digest | None = None
    """The code that was checked."""
    at: Time
    """When."""
    expires: Time | None = None
    """Until when it counts."""
    summary: Text | None = None
    """What was found."""


class TokenKeys(OwnModel):
    """Whose keys the gateway delivers to the app's pod, which verifies tokens with them."""

    issuer: HttpsUrl | None = None
    """The issuer of tokens that name tenants; absent: the API server, whose tokens prove callers."""


class Record(OwnModel):
    """Everything that is decided about one app name."""

    app: ObjectRef
    """The GeneratedApp."""
    namespace_uid: Uid
    """The uid of its namespace: a namespace of the same name is not the same namespace."""
    owner: Owner
    """Who answers for it."""
    budget: DnsLabel
    """The AppBudget that pays."""
    run_namespace: DnsLabel
    """Where its children are."""
    tier: ResolvedTier
    """The tier as it was last resolved."""
    violation_policy: RecordedViolationPolicy
    """When the app is suspended."""
    envelope: EnvelopeGrant
    """What it may talk to."""
    effective_risk: RiskClass | None = None
    """The risk class that its pod was made for; absent: the lowest."""
    token_keys: TokenKeys | None = None
    """Whose tokens the app verifies; absent: nobody's."""
    revision: Revision | None = None
    """What runs."""
    revisions: Annotated[tuple[KeptRevision, ...], Field(max_length=REVISIONS_KEPT)] = ()
    """The revisions whose snapshots are kept, newest last."""
    pod: ObjectRef | None = None
    """The pod whose calls the gateway admits; absent: nobody's."""
    suspension: Suspension | None = None
    """The open suspension; absent: not suspended."""
    inert_acknowledgement: InertAcknowledgement | None = None
    """Kept while a suspension is open that an earlier app of the name left, or that was acknowledged under a hold."""
    acknowledged: Annotated[tuple[Acknowledgement, ...], Field(max_length=20)] = ()
    """Acknowledged suspensions, newest last."""
    count_from: Time | None = None
    """Violations up to this moment no longer count."""
    deleted_at: Time | None = None
    """When the app was seen to be gone; absent: it exists."""
    contracts: Annotated[tuple[FrozenContract, ...], Field(max_length=32)] = ()
    """Frozen contracts of its connectors (stages above Development)."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=100)] = ()
    """Results of the promotion gates."""

    def known_contract(self, connector: str) -> str | None:
        """The digest of the contract that the app was reviewed with, or else that its running revision started with;
        None: there was none."""
        for frozen in self.contracts:
            if frozen.connector == connector:
                return frozen.digest
        running = self.revision.digest if self.revision else None
        for kept in self.revisions:
            if kept.digest == running and kept.contracts:
                return kept.contracts.get(connector)
        return None

    def named_contracts(self) -> frozenset[str]:
        """The digests of all contracts that may be asked for."""
        remembered = (digest for kept in self.revisions for digest in (kept.contracts or {}).values())
        return frozenset((*remembered, *(frozen.digest for frozen in self.contracts)))


class AppRecord(OwnModel):
    """What the operator decided about an app. Internal: written by the operator only."""

    metadata: ObjectMeta
    record: Record

    @property
    def purged(self) -> bool:
        """Whether its deletion was ordered, by the platform's purge or after its retention, and its app is gone: what
        is left of that goes at once. The deleted record of a living app says nothing about the app, whoever deletes it.
        """
        return self.metadata.deletion_timestamp is not None and self.record.deleted_at is not None

    @staticmethod
    def manifest(namespace: str, name: str, record: Record, *, held: bool = True) -> dict[str, Any]:
        """The object to apply; `held` keeps it from going before what is left of its app."""
        body = record.model_dump(by_alias=True, exclude_none=True, mode="json")
        return {
            "apiVersion": API_VERSION,
            "kind": "AppRecord",
            "metadata": {"namespace": namespace, "name": name, **({"finalizers": [FINALIZER_PURGE]} if held else {})},
            "record": body,
        }
