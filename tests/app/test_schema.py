"""Every operation of the published schema, called with bodies good and bad: nothing ends in an error of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.support import HANAKO, SATO, Site
from upheld.security import keys

EXAMPLES = 15
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
SCOPES = (
    "collect:event", "collect:card", "read:analyse", "audience:analyse", "transfer:gcp", "consents:write",
    "requests:write", "relations:end",
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        running.collect(HANAKO, "event", "name", "email", "company")
        yield running


@pytest.fixture(scope="module")
def callers(site: Site) -> list[dict[str, str]]:
    """Give headers of nobody, of a program with every scope, and of a member of staff."""
    _, text = keys.make(site.house, label="schema", by="staff:0", scopes=SCOPES)
    return [{}, {"Authorization": f"Bearer {text}"}, site.staff(SATO)]


@pytest.fixture(scope="module")
def schema(site: Site) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{site.url}/openapi.json")


def sent(operation: schemathesis.APIOperation, callers: list[dict[str, str]], mode: GenerationMode) -> list[str]:
    """Call one operation with many cases as every caller, and give what ended in an error of ours."""
    wrong: list[str] = []

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case) -> None:
        for headers in callers:
            answer = case.call(headers=headers)
            if answer.status_code >= 500:
                wrong.append(f"{case.method} {case.path} {answer.status_code} {answer.text[:200]}")

    with contextlib.suppress(Unsatisfiable):  # an operation that takes nothing has nothing to send wrongly
        call()
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_operation_ends_in_an_error_of_ours(
    schema: schemathesis.BaseSchema, callers: list[dict[str, str]], mode: GenerationMode
) -> None:
    """Whoever calls, and whatever is sent, fitting the schema or not, every answer is below 500."""
    operations = [found.ok() for found in schema.get_all_operations()]
    told = {f"{method.upper()} {path}" for path, found in schema.raw_schema["paths"].items() for method in found if method in METHODS}
    assert {one.label for one in operations} == told >= {"POST /api/v1/read", "POST /api/v1/transfers", "POST /api/v1/decide"}
    assert [told for one in operations for told in sent(one, callers, mode)] == []
