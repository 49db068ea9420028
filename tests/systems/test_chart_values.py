"""Values of the chart: refused ones, and whether the service starts with the defaults."""

from pathlib import Path

import pytest
import yaml

from tests.support import chart_values as charts
from tests.support.chart_values import (
    ENVIRONMENTS,
    REFUSED,
    REFUSED_WITH_A_FILE,
    REFUSED_WITH_MTLS,
    Values,
)
from tests.support.charts import Find
from tests.support.services import Fleet
from tests.support.tools.helm import Helm, RefusedError

# Read all settings, as the service does when it starts.
READ = "import os; from orders import settings; settings.read(os.environ)"

# The Secret of a service that uses a database server and calls other services.
SECRET = {
    "DATABASE_URL": "postgresql://user:password@database/orders",
    "AUTH_CLIENT_SECRET": "of-the-provider",
}


def test_refuses_a_maximum_below_the_minimum(either_helm: Helm, chart_of: Find) -> None:
    with pytest.raises(RefusedError, match=r"minReplicas \(9\) is more than"):
        either_helm.template(chart_of(), "autoscaling.minReplicas=9")


@pytest.mark.parametrize(
    ("answers", "over", "named"),
    [
        *(((), over, named) for _, over, named in REFUSED),
        *(((("database", "sqlite"),), over, named) for _, over, named in REFUSED_WITH_A_FILE),
        *(((("mesh", "service"),), over, named) for _, over, named in REFUSED_WITH_MTLS),
    ],
    ids=[what for what, _, _ in (*REFUSED, *REFUSED_WITH_A_FILE, *REFUSED_WITH_MTLS)],
)
def test_refuses_values(
    either_helm: Helm,
    chart_of: Find,
    tmp_path: Path,
    answers: tuple[tuple[str, str], ...],
    over: Values,
    named: str,
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(over))

    with pytest.raises(RefusedError) as refused:
        either_helm.template(chart_of(**dict(answers)), file)
    assert "values don't meet the specifications of the schema" in str(refused.value)
    assert named in str(refused.value)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Services that share installed packages."""
    return Fleet(tmp_path_factory.mktemp("fleet"))


def test_the_service_starts_with_the_values_of_its_chart(fleet: Fleet) -> None:
    project = fleet.render("orders", depends_on="inventory", discovery="consul")
    chart = charts.chart(project.folder)
    for environment in (None, *ENVIRONMENTS):
        config = charts.values(chart, environment)["config"]
        secret = {} if environment == "development" else SECRET
        project.python("-c", READ, environment={"PYTHONPATH": "src", **secret, **config})
