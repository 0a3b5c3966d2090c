"""What a platform says about the pods of all its apps: the chart's values `apps`, which the operator gets as JSON."""

from pydantic import ConfigDict

from genapps.api.fields import UserModel


class AppPods(UserModel):
    """The values; null takes a default away, so the chart's schema wants each of them that may not be null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    safe_to_evict: bool = True
    """Whether a cluster autoscaler may evict apps' pods to remove a node: each gets the annotation
    cluster-autoscaler.kubernetes.io/safe-to-evict with this value. An app answers again once its pod is ready
    elsewhere, with its state, as far as its volume can move there."""
