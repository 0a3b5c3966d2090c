# SPDX-License-Identifier: Apache-2.0
"""The closed set of reasons, with what each means and what to do about it."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """The reasons of conditions and Events."""

    # it answers
    AVAILABLE = "Available"
    IDLE = "Idle"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    # a connector
    ENDPOINT_PENDING = "EndpointPending"
    ENDPOINT_REFUSED = "EndpointRefused"
    CONTRACT_INVALID = "ContractInvalid"
    OVERRUN = "Overrun"
    # it is on its way
    APPLYING = "Applying"
    CLAIM_PENDING = "ClaimPending"
    GATEWAY_PENDING = "GatewayPending"
    POD_STARTING = "PodStarting"
    POD_STOPPING = "PodStopping"
    SWITCHING = "Switching"
    BACKING_OFF = "BackingOff"
    SOURCE_PENDING = "SourcePending"
    DELETING = "Deleting"
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
    TENANCY_NOT_ALLOWED = "TenancyNotAllowed"
    SCHEDULE_INVALID = "ScheduleInvalid"
    CONNECTOR_UNKNOWN = "ConnectorUnknown"
    # the budget refuses it
    BUDGET_NOT_FOUND = "BudgetNotFound"
    BUDGET_INVALID = "BudgetInvalid"
    NAMESPACE_NOT_GRANTED = "NamespaceNotGranted"
    TIER_NOT_FOUND = "TierNotFound"
    TOO_MANY_APPS = "TooManyApps"
    RUN_NAMESPACE_CHANGED = "RunNamespaceChanged"
    RUN_NAMESPACE_NOT_PREPARED = "RunNamespaceNotPrepared"
    TIME_ZONE_UNKNOWN = "TimeZoneUnknown"
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
    EGRESS_WIDENED = "EgressWidened"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    OUT_OF_MEMORY = "OutOfMemory"
    POD_FAILING = "PodFailing"
    POD_MUTATED = "PodMutated"
    UNSCHEDULABLE = "Unschedulable"
    NODE_UNREACHABLE = "NodeUnreachable"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    ROLLED_BACK = "RolledBack"
    # it may not run
    REPEATED_VIOLATIONS = "RepeatedViolations"
    REPEATED_DEFECTS = "RepeatedDefects"
    HELD = "Held"
    HOLD_EXPIRED = "HoldExpired"
    REQUESTED = "Requested"
    # it answers badly
    EXECUTION_BREAKER_OPEN = "ExecutionBreakerOpen"
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
    NOT_DEGRADED = "NotDegraded"
    STAGE_REACHED = "StageReached"
    EVIDENCE_MISSING = "EvidenceMissing"
    NOT_YET_ACTIVE = "NotYetActive"
    ALL_ACTIVE = "AllActive"
    TOO_MANY_AT_ONCE = "TooManyAtOnce"
    NONE_HELD = "NoneHeld"
    LIMIT_NEAR = "LimitNear"
    BELOW_ALERTS = "BelowAlerts"
    WITHIN_LIMITS = "WithinLimits"
    LIMITS_NOT_ENFORCED = "LimitsNotEnforced"


class Explanation(NamedTuple):
    """What a reason means and what to do about it. `meaning` is the message of a condition that has no more to say."""

    meaning: str
    next_step: str


_R = Reason

EXPLANATIONS: dict[Reason, Explanation] = {
    reason: Explanation(meaning, next_step)
    for reason, meaning, next_step in (
        (_R.AVAILABLE, "The app answers and its network isolation is proven.", "Nothing to do."),
        (
            _R.IDLE,
            "The app had no request for longer than spec.idleTimeout. The next request starts its pod.",
            "Nothing to do.",
        ),
        (
            _R.BUDGET_EXHAUSTED,
            "The budget is used up.",
            "Raise spec.limits in the AppBudget, or wait for the next period.",
        ),
        (
            _R.ENDPOINT_PENDING,
            "No pod of the connector's Service is ready.",
            "Check the Service that the message names, and its pods.",
        ),
        (
            _R.ENDPOINT_REFUSED,
            "The gateway does not call the connector's endpoint.",
            "Do what the message says.",
        ),
        (
            _R.CONTRACT_INVALID,
            "The tools of the connector hold something that is refused, so no call is made.",
            "Correct the places that the message names.",
        ),
        (_R.OVERRUN, "A call used more than it was allowed, so none is made now.", "Find out why; change the spec."),
        (_R.APPLYING, "The operator is writing the app's objects.", "Wait."),
        (
            _R.CLAIM_PENDING,
            "The app's PersistentVolumeClaim is not bound yet.",
            "Wait. If this lasts, ask the platform team to check the StorageClass.",
        ),
        (
            _R.GATEWAY_PENDING,
            "The gateway's address or CA certificate is not known yet.",
            "Wait. If this lasts, ask the platform team to check the gateway.",
        ),
        (_R.POD_STARTING, "The app is starting.", "Wait."),
        (_R.POD_STOPPING, "The pod is stopping.", "Wait."),
        (_R.SWITCHING, "The pod is being replaced.", "Wait."),
        (_R.BACKING_OFF, "The pod ended. The operator creates it again after a pause.", "Check the app's log."),
        (_R.SOURCE_PENDING, "The operator is pulling the code from its registry.", "Wait."),
        (
            _R.DELETING,
            "The app is being deleted.",
            "Wait, or remove the finalizers that the message names.",
        ),
        (
            _R.SOURCE_DIFFERS,
            "The source no longer matches spec.code.digest. The last verified code keeps running.",
            "Set spec.code.digest to the new digest, or restore the source.",
        ),
        (_R.SETTLED, "Nothing is in progress.", "Nothing to do."),
        (_R.SPEC_INVALID, "The spec is invalid.", "Correct the field that the message names."),
        (
            _R.NOT_YET_SUPPORTED,
            "The spec uses a field or value that is not supported yet.",
            "Remove or change the field that the message names.",
        ),
        (
            _R.NAME_TAKEN,
            "An object of another app has the name of one of this app's objects.",
            "Choose another app name.",
        ),
        (
            _R.RISK_CLASS_NOT_ALLOWED,
            "The effective risk class is above policy.maxRiskClass of the budget.",
            "Use less risky connectors, or ask the platform team for another budget.",
        ),
        (
            _R.LANGUAGE_NOT_ALLOWED,
            "The language is not in policy.languages of the budget.",
            "Use a language that the budget allows.",
        ),
        (
            _R.WORKLOAD_CLASS_NOT_ALLOWED,
            "The workload class is not in policy.workloadClasses of the budget.",
            "Use a workload class that the budget allows.",
        ),
        (
            _R.SCHEDULE_INVALID,
            "A schedule has an unknown time zone, or times that are not valid or never come.",
            "Correct the field that the message names.",
        ),
        (
            _R.CONNECTOR_UNKNOWN,
            "spec.envelope.connectors names a connector that does not exist or is not granted to this namespace.",
            "Use the connectors that the message lists, or ask the platform team to grant it.",
        ),
        (
            _R.IMAGE_REGISTRY_NOT_ALLOWED,
            "The registry is not in policy.imageRegistries of the budget.",
            "Push the code to a registry that the budget allows.",
        ),
        (
            _R.TENANCY_NOT_ALLOWED,
            "The risk class, the tier or the budget does not allow spec.tenancy as it is.",
            "Do what the message says: fewer tenants, another tier, or tokens in place of a header.",
        ),
        (
            _R.BUDGET_NOT_FOUND,
            "The AppBudget does not exist.",
            "Correct spec.budget, or ask the platform team to create the AppBudget.",
        ),
        (_R.BUDGET_INVALID, "The AppBudget is invalid.", "Ask the platform team to correct the AppBudget."),
        (
            _R.NAMESPACE_NOT_GRANTED,
            "The AppBudget does not list this namespace.",
            "Correct spec.budget, or ask the platform team to add the namespace.",
        ),
        (_R.TIER_NOT_FOUND, "The AppBudget has no such tier.", "Set spec.tier to one of the tiers in the message."),
        (
            _R.TOO_MANY_APPS,
            "The budget has reached policy.maxApps.",
            "Delete an app, or ask the platform team to raise policy.maxApps.",
        ),
        (
            _R.RUN_NAMESPACE_CHANGED,
            "The new budget uses another run namespace.",
            "Choose a budget with the same runNamespace, or delete and re-create the app.",
        ),
        (
            _R.RUN_NAMESPACE_NOT_PREPARED,
            "The run namespace is not in runNamespaces of the chart.",
            "Ask the platform team to add it.",
        ),
        (
            _R.TIME_ZONE_UNKNOWN,
            "spec.period.timeZone of the AppBudget is no known time zone, so nothing new is published of it.",
            "Ask the platform team to write a name of the IANA list, such as Europe/Zurich.",
        ),
        (_R.SOURCE_NOT_FOUND, "The source does not exist.", "Create or push the source, or correct its name."),
        (
            _R.SOURCE_NOT_LABELLED,
            'The ConfigMap of the source has no label genapps.dev/source: "true".',
            "Add the label to the ConfigMap.",
        ),
        (_R.SOURCE_INVALID, "The source is invalid.", "Correct what the message names."),
        (
            _R.SOURCE_TOO_LARGE,
            "The source is too large.",
            "Keep inline source within 64 KiB, a ConfigMap or an image within 1 MiB.",
        ),
        (
            _R.SOURCE_UNAVAILABLE,
            "The registry does not answer, or refuses the pull.",
            "Correct the reference, or ask the platform team. The operator tries again.",
        ),
        (
            _R.DIGEST_MISMATCH,
            "The digest of the source is not spec.code.digest.",
            "Set the digest that `genapps digest` prints, or restore the source.",
        ),
        (_R.CODE_REJECTED, "The code does not load.", "Correct the line that the message names."),
        (
            _R.MODULE_NOT_AVAILABLE,
            "The code imports a module that is not available to apps.",
            "Run `genapps modules` for the list.",
        ),
        (
            _R.SNAPSHOT_MISMATCH,
            "The pod found other code or settings than the operator had verified.",
            "Ask the platform team to check the run namespace.",
        ),
        (
            _R.CLAIM_NOT_ADOPTED,
            "The state kept under this name belongs to another owner, or to an earlier namespace of the same name.",
            "Choose another app name, wait until its retention ends, or ask the platform team to purge it.",
        ),
        (
            _R.BEING_PURGED,
            "The state of an earlier app of this name is being purged.",
            "Wait. The app then starts with new state.",
        ),
        (
            _R.CHILD_REFUSED,
            "The API server refused an object of the app.",
            "Read the message. Often a quota is used up.",
        ),
        (
            _R.CONFIG_INVALID,
            "The runtime refused its configuration.",
            "Ask the platform team to install the same version of operator and runtime image.",
        ),
        (
            _R.STATE_UNAVAILABLE,
            "The runtime cannot use the app's PersistentVolumeClaim.",
            "Ask the platform team to check the claim and its StorageClass.",
        ),
        (
            _R.EGRESS_OPEN,
            "The pod reached an address that its NetworkPolicy must block, so it loaded no code.",
            "Ask the platform team to check that the cluster enforces NetworkPolicies.",
        ),
        (
            _R.EGRESS_WIDENED,
            "Another NetworkPolicy of the run namespace lets the pod reach more than the gateway.",
            "Ask the platform team to delete the policy that the message names, or to keep it from selecting apps.",
        ),
        (_R.IMAGE_UNAVAILABLE, "The runtime image cannot be pulled.", "Ask the platform team to correct the image."),
        (_R.OUT_OF_MEMORY, "The pod used more memory than its tier allows.", "Choose a larger tier in spec.tier."),
        (_R.POD_FAILING, "The pod fails again and again.", "Check the app's log."),
        (
            _R.POD_MUTATED,
            "Another component changes a field of the pod that its isolation rests on.",
            "Ask the platform team to exempt the run namespace from what changes that field.",
        ),
        (_R.UNSCHEDULABLE, "No node has room for the pod.", "Ask the platform team to add capacity."),
        (
            _R.NODE_UNREACHABLE,
            "The pod is on a node that does not answer.",
            "Ask the platform team to remove the node.",
        ),
        (
            _R.PROGRESS_DEADLINE_EXCEEDED,
            "The pod did not become ready in time.",
            "Check the app's log, and ask the platform team whether the gateway answers.",
        ),
        (_R.ROLLED_BACK, "The new revision failed. The previous revision runs.", "Correct the code and apply it."),
        (
            _R.REPEATED_VIOLATIONS,
            "The app violated its policy too often.",
            "Investigate, then set spec.acknowledgedSuspension to status.suspension.id.",
        ),
        (
            _R.REPEATED_DEFECTS,
            "The app made too many malformed calls or answers.",
            "Correct the code, then set spec.acknowledgedSuspension to status.suspension.id.",
        ),
        (_R.HELD, "The platform team suspended the app with an AppHold.", "Ask the platform team."),
        (_R.HOLD_EXPIRED, "spec.until is over.", "Delete the AppHold, and acknowledge the suspensions of its apps."),
        (_R.REQUESTED, "spec.operatingMode is Suspended.", "Set spec.operatingMode to Running to start the app."),
        (
            _R.EXECUTION_BREAKER_OPEN,
            "The app fails so often that its runtime refuses requests, and tries a few every 5 s.",
            "Check the app's log.",
        ),
        (_R.NOT_STALLED, "Nothing blocks the app.", "Nothing to do."),
        (_R.NOT_SUSPENDED, "The app is not suspended.", "Nothing to do."),
        (_R.RESUMED, "The last suspension was acknowledged.", "Nothing to do."),
        (_R.ACCEPTED, "The envelope complies with the budget's policy.", "Nothing to do."),
        (_R.GRANTED, "The budget grants the app its tier.", "Nothing to do."),
        (_R.VERIFIED, "The code matches its digest and is loaded.", "Nothing to do."),
        (_R.NOT_LOADED, "The code is not loaded.", "Wait."),
        (_R.PROVEN, "The pod reaches the gateway and nothing else.", "Nothing to do."),
        (
            _R.NOT_PROVEN,
            "No pod has proven its network isolation.",
            "Wait. If this lasts, ask the platform team to check the gateway.",
        ),
        (_R.NOT_JUDGED, "Another problem has to be solved first.", "See the condition Stalled."),
        (_R.VIOLATIONS_COUNTED, "The app violated its policy within the window.", "Check status.violations."),
        (_R.NO_VIOLATIONS, "The app has no violations within the window.", "Nothing to do."),
        (_R.NOT_DEGRADED, "No runtime reports that the app keeps failing.", "Nothing to do."),
        (_R.STAGE_REACHED, "The app is at the stage that spec.stage asks for.", "Nothing to do."),
        (_R.EVIDENCE_MISSING, "Evidence for the stage is missing.", "Check status.reviews."),
        (
            _R.NOT_YET_ACTIVE,
            "Some fields are accepted but not implemented yet.",
            "Do not rely on the fields that the message names.",
        ),
        (_R.ALL_ACTIVE, "Every field that is set is in effect.", "Nothing to do."),
        (
            _R.TOO_MANY_AT_ONCE,
            "Too many apps disappeared at once. Their pods are gone, their state is kept without a time limit.",
            "Restore the apps, or confirm with the command in the message.",
        ),
        (_R.NONE_HELD, "No deleted app waits for a confirmation.", "Nothing to do."),
        (_R.LIMIT_NEAR, "A percentage of spec.alerts is spent.", "See status.forecast. Raise spec.limits, or wait."),
        (_R.BELOW_ALERTS, "No percentage of spec.alerts is spent.", "Nothing to do."),
        (_R.WITHIN_LIMITS, "Something is left of every unit.", "Nothing to do."),
        (_R.LIMITS_NOT_ENFORCED, "A unit is used up, and Shadow refuses nothing.", "Enforce limits by spec.mode."),
    )
}
