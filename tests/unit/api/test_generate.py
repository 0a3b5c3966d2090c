"""The chart's copies of the CRDs."""

import yaml

from genapps.api.crd import crds
from tests.support.generated_crds import chart_copy, files


def test_the_charts_copy_is_kept_and_can_be_switched_off() -> None:
    for name, crd in crds().items():
        head, *body, tail = files()[f"charts/genapps/templates/crds/{name.split('.')[0]}.yaml"].splitlines()[1:]
        assert (head, tail) == ("{{- if .Values.crds.enabled }}", "{{- end }}")
        copy = yaml.safe_load("\n".join(body))
        assert copy["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert copy["spec"] == crd["spec"]


def test_what_helm_would_read_as_its_own_is_escaped() -> None:
    crd = {"metadata": {"name": "x"}, "spec": {"description": "write {{name}}"}}
    assert 'write {{ "{{" }}name}}' in chart_copy(crd)
