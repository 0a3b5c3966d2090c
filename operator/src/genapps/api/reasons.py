"""The closed set of reasons, with what each means and what to do about it."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """The reasons of conditions and Events."""

    # it answers
    AVAILABLE = "Available"
    IDLE = "Idle"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    # it is on its way
    APPLYING = "Applying"
    CLAIM_PENDING = "ClaimPending"
    GATEWAY_PENDING = "GatewayPending"
    POD_STARTING = "PodStarting"
    POD_STOPPING = "PodStopping"
    SWITCHING = "Switching"
    BACKING_OFF = "BackingOff"
    SOURCE_PENDING = "SourcePending"
    SOURCE_DIFFERS = "SourceDiffers"
    SETTLED = "Settled"
    # the manifest is refused
    SPEC_INVALID = "SpecInvalid"
    NOT_YET_SUPPORTED = "NotYetSupported"
    NAME_TAKEN = "NameTaken"
    RISK_CLASS_NOT_ALLOWED = "RiskClassNotAllowed"
    LANGUAGE_NOT_ALLOWED = "LanguageNotAllowed"
    WORKLOAD_CLASS_NOT_ALLOWED = "WorkloadClassNotAllowed"
    IMAGE_REGISTRY_NOT_ALLOWED = "ImageRegistryNotAllowed"
    # the budget refuses it
    BUDGET_NOT_FOUND = "BudgetNotFound"
    BUDGET_INVALID = "BudgetInvalid"
    NAMESPACE_NOT_GRANTED = "NamespaceNotGranted"
    TIER_NOT_FOUND = "TierNotFound"
    TOO_MANY_APPS = "TooManyApps"
    RUN_NAMESPACE_CHANGED = "RunNamespaceChanged"
    RUN_NAMESPACE_NOT_PREPARED = "RunNamespaceNotPrepared"
    # the code is refused
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_NOT_LABELLED = "SourceNotLabelled"
    SOURCE_INVALID = "SourceInvalid"
    SOURCE_TOO_LARGE = "SourceTooLarge"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    DIGEST_MISMATCH = "DigestMismatch"
    CODE_REJECTED = "CodeRejected"
    MODULE_NOT_AVAILABLE = "ModuleNotAvailable"
    SNAPSHOT_MISMATCH = "SnapshotMismatch"
    # it cannot run
    CLAIM_NOT_ADOPTED = "ClaimNotAdopted"
    BEING_PURGED = "BeingPurged"
    CHILD_REFUSED = "ChildRefused"
    CONFIG_INVALID = "ConfigInvalid"
    STATE_UNAVAILABLE = "StateUnavailable"
    EGRESS_OPEN = "EgressOpen"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    OUT_OF_MEMORY = "OutOfMemory"
    POD_FAILING = "PodFailing"
    UNSCHEDULABLE = "Unschedulable"
    NODE_UNREACHABLE = "NodeUnreachable"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    ROLLED_BACK = "RolledBack"
    # it may not run
    REPEATED_VIOLATIONS = "RepeatedViolations"
    HELD = "Held"
    REQUESTED = "Requested"
    # the quiet side of a condition
    NOT_STALLED = "NotStalled"
    NOT_SUSPENDED = "NotSuspended"
    RESUMED = "Resumed"
    ACCEPTED = "Accepted"
    GRANTED = "Granted"
    VERIFIED = "Verified"
    NOT_LOADED = "NotLoaded"
    PROVEN = "Proven"
    NOT_PROVEN = "NotProven"
    NOT_JUDGED = "NotJudged"
    VIOLATIONS_COUNTED = "ViolationsCounted"
    NO_VIOLATIONS = "NoViolations"
    STAGE_REACHED = "StageReached"
    EVIDENCE_MISSING = "EvidenceMissing"
    NOT_YET_ACTIVE = "NotYetActive"
    ALL_ACTIVE = "AllActive"


class Explanation(NamedTuple):
    """What a reason means and what to do about it: one sentence each."""

    meaning: str
    next_step: str


_R = Reason

EXPLANATIONS: dict[Reason, Explanation] = {
    reason: Explanation(meaning, next_step)
    for reason, meaning, next_step in (
        (_R.AVAILABLE, "The app answers and its fence is proven.", "Nothing to do."),
        (_R.IDLE, "No request for longer than idleTimeout; the next one starts the pod.", "Nothing to do."),
        (_R.BUDGET_EXHAUSTED, "The budget is spent.", "Raise the limit in the AppBudget, or wait for the next period."),
        (_R.APPLYING, "Objects of the app are being written.", "Wait."),
        (
            _R.CLAIM_PENDING,
            "The claim is not bound yet.",
            "Wait; if it stays, look at the claim's events and storage class.",
        ),
        (
            _R.GATEWAY_PENDING,
            "The gateway's address or CA is not known yet.",
            "Wait; if it stays, look at the gateway.",
        ),
        (_R.POD_STARTING, "The pod exists and is not ready yet.", "Wait."),
        (_R.POD_STOPPING, "The pod is being stopped.", "Wait."),
        (_R.SWITCHING, "A new revision takes over.", "Wait."),
        (_R.BACKING_OFF, "The pod failed and is created again after a pause.", "Look at the app's log."),
        (_R.SOURCE_PENDING, "The code is being fetched from its registry.", "Wait."),
        (
            _R.SOURCE_DIFFERS,
            "The source no longer matches code.digest; the last verified code keeps running.",
            "Set spec.code.digest to the new digest, or restore the source.",
        ),
        (_R.SETTLED, "Nothing is left to do.", "Nothing to do."),
        (_R.SPEC_INVALID, "The spec cannot be read.", "Correct the field that the message names."),
        (
            _R.NOT_YET_SUPPORTED,
            "A field asks for something that is not built yet.",
            "Remove the field that the message names.",
        ),
        (_R.NAME_TAKEN, "An object of another app has the name of one of this app's objects.", "Choose another name."),
        (
            _R.RISK_CLASS_NOT_ALLOWED,
            "The effective risk class is above the budget's policy.maxRiskClass.",
            "Use fewer risky connectors, or ask the platform for another budget.",
        ),
        (
            _R.LANGUAGE_NOT_ALLOWED,
            "The budget's policy.languages has no such language.",
            "Use a language of the budget.",
        ),
        (
            _R.WORKLOAD_CLASS_NOT_ALLOWED,
            "The budget's policy.workloadClasses has no such class.",
            "Use a workload class of the budget.",
        ),
        (
            _R.IMAGE_REGISTRY_NOT_ALLOWED,
            "The budget's policy.imageRegistries has no such registry.",
            "Push the code to a registry of the budget.",
        ),
        (
            _R.BUDGET_NOT_FOUND,
            "There is no such AppBudget.",
            "Correct spec.budget, or ask the platform for the AppBudget.",
        ),
        (_R.BUDGET_INVALID, "The AppBudget cannot be read.", "Ask the platform to correct the AppBudget."),
        (
            _R.NAMESPACE_NOT_GRANTED,
            "The AppBudget does not list this namespace.",
            "Correct spec.budget, or ask the platform to add the namespace.",
        ),
        (_R.TIER_NOT_FOUND, "The AppBudget has no such tier.", "Set spec.tier to one that the message lists."),
        (
            _R.TOO_MANY_APPS,
            "The budget's policy.maxApps is reached.",
            "Delete an app, or ask the platform to raise it.",
        ),
        (
            _R.RUN_NAMESPACE_CHANGED,
            "The new budget has another run namespace.",
            "Choose a budget with the same runNamespace, or re-create the app.",
        ),
        (
            _R.RUN_NAMESPACE_NOT_PREPARED,
            "The run namespace is not one that the chart prepared.",
            "Ask the platform to add it to the chart's runNamespaces.",
        ),
        (_R.SOURCE_NOT_FOUND, "The source does not exist.", "Create or push it, or correct its name."),
        (
            _R.SOURCE_NOT_LABELLED,
            "The ConfigMap of the source lacks its label.",
            'Label it with genapps.dev/source: "true".',
        ),
        (_R.SOURCE_INVALID, "The source cannot be used.", "Correct what the message names."),
        (
            _R.SOURCE_TOO_LARGE,
            "The source is too large.",
            "Keep inline below 64 KiB, a ConfigMap or an image below 1 MiB.",
        ),
        (
            _R.SOURCE_UNAVAILABLE,
            "The registry of the code does not answer, or refuses.",
            "Correct the reference, or ask the platform; it is tried again.",
        ),
        (
            _R.DIGEST_MISMATCH,
            "The source does not have the digest in spec.code.digest.",
            "Compute it with genapps digest, or restore the source.",
        ),
        (_R.CODE_REJECTED, "The code does not load.", "Correct the line that the message names."),
        (
            _R.MODULE_NOT_AVAILABLE,
            "The code imports a module that apps do not have.",
            "Use one that the message lists.",
        ),
        (_R.SNAPSHOT_MISMATCH, "The pod found other code or settings than were judged.", "Tell the platform."),
        (
            _R.CLAIM_NOT_ADOPTED,
            "What is kept under this name belongs to another owner, or to an earlier namespace of this name.",
            "Use another app name, wait for the end of its retention, or ask the platform to purge it.",
        ),
        (
            _R.BEING_PURGED,
            "The platform purges what an earlier app of this name left.",
            "Wait: the app starts, with new state, when that is done.",
        ),
        (
            _R.CHILD_REFUSED,
            "The API server refused an object of the app.",
            "Follow the message; often a quota is used up.",
        ),
        (
            _R.CONFIG_INVALID,
            "The runtime refused its settings.",
            "Tell the platform: operator and runtime image differ.",
        ),
        (_R.STATE_UNAVAILABLE, "The runtime cannot use its claim.", "Look at the claim and its storage class."),
        (
            _R.EGRESS_OPEN,
            "The pod reached what its policy should block, so no code was loaded.",
            "Tell the platform: the cluster's network does not enforce NetworkPolicies.",
        ),
        (_R.IMAGE_UNAVAILABLE, "The runtime image cannot be pulled.", "Tell the platform to correct the image."),
        (_R.OUT_OF_MEMORY, "The pod used more memory than its tier has.", "Choose a larger tier."),
        (_R.POD_FAILING, "The pod ends again and again.", "Look at the app's log."),
        (_R.UNSCHEDULABLE, "No node has room for the pod.", "Tell the platform to add capacity."),
        (_R.NODE_UNREACHABLE, "The pod hangs on a node that does not answer.", "Tell the platform to remove the node."),
        (
            _R.PROGRESS_DEADLINE_EXCEEDED,
            "The pod was not ready in time.",
            "Look at the pod's events and the app's log.",
        ),
        (_R.ROLLED_BACK, "The new revision failed; the previous one runs.", "Correct the code."),
        (
            _R.REPEATED_VIOLATIONS,
            "The app did too often what it may not.",
            "Look into it, then set spec.acknowledgedSuspension to status.suspension.id.",
        ),
        (_R.HELD, "The platform holds the app.", "Ask the platform."),
        (_R.REQUESTED, "spec.operatingMode is Suspended.", "Set it to Running to start the app."),
        (_R.NOT_STALLED, "Nothing keeps the app from running.", "Nothing to do."),
        (_R.NOT_SUSPENDED, "The app is not suspended.", "Nothing to do."),
        (_R.RESUMED, "The suspension was acknowledged.", "Nothing to do."),
        (_R.ACCEPTED, "The envelope keeps to the budget's policy.", "Nothing to do."),
        (_R.GRANTED, "The budget grants the app its tier.", "Nothing to do."),
        (_R.VERIFIED, "The code is what its digest says, and it is loaded.", "Nothing to do."),
        (_R.NOT_LOADED, "The code was not loaded yet.", "Wait."),
        (_R.PROVEN, "The pod reaches the gateway and nothing beside it.", "Nothing to do."),
        (_R.NOT_PROVEN, "No pod has proven its fence.", "Wait; if it stays, look at the gateway."),
        (_R.NOT_JUDGED, "Something else has to be corrected first.", "See the condition Stalled."),
        (_R.VIOLATIONS_COUNTED, "Violations were counted in the window.", "Look at status.violations."),
        (_R.NO_VIOLATIONS, "No violation was counted in the window.", "Nothing to do."),
        (_R.STAGE_REACHED, "The app is at the stage it asks for.", "Nothing to do."),
        (_R.EVIDENCE_MISSING, "Evidence for the stage is missing.", "Look at status.reviews."),
        (
            _R.NOT_YET_ACTIVE,
            "Fields are stored and have no effect yet.",
            "Do not rely on the fields that the message names.",
        ),
        (_R.ALL_ACTIVE, "Every field that is set has its effect.", "Nothing to do."),
    )
}
