"""The committed OpenAPI document."""

from __future__ import annotations

import pytest

from api.server.openapi_file import rendered
from tests.support.openapi_document import DOCUMENT, PATH, Operation, operations


def test_the_committed_document_is_the_codes() -> None:
    assert PATH.read_text(encoding="utf-8") == rendered(), "run `make openapi` and commit docs/openapi.json"


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_body_has_an_example(operation: Operation) -> None:
    assert (operation.body is None) == (operation.content() == {})


def test_operations_have_names_of_their_own() -> None:
    names = [o["operationId"] for methods in DOCUMENT["paths"].values() for o in methods.values()]
    assert len(set(names)) == len(names)


def test_links_lead_from_what_was_made_to_what_can_be_done_with_it() -> None:
    links = DOCUMENT["paths"]["/v1/jobs"]["post"]["responses"]["202"]["links"]
    assert {"get_job", "cancel_job", "delete_job", "get_patch"} <= set(links)
    assert links["get_job"]["parameters"] == {"job_id": "$response.body#/id"}
