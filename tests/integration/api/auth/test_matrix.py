"""Nobody in: every route of the OpenAPI document against no key, each missing scope, and another tenant's key.

The routes, their scopes and the bodies come from the document itself, so that a new route is covered when it is there.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from core.service.access.scopes import SCOPES
from tests.support.api_server import Server, assert_problem, serving
from tests.support.openapi_document import Operation, operations

OPERATIONS = operations()
PUBLIC = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/lethe-keys.json",
    "/opendsr/v2/discovery",
    "/opendsr/v2/certificate.pem",
}
"""What needs no key: whether the server is up, its numbers, and public keys."""
SHARED = {f"/v1/models/{{model_id}}{more}" for more in ("", "/check", "/prepare", "/consolidate")}
"""What all tenants see: the installation's models. Of jobs that a body names, their own pages tell."""
FIXED = {"name": "patch.zip"}
"""Parameters that are names and not ids."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data"), bundled_models=True) as running:
        yield running


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, str]:
    """One thing of the first tenant for every id that a path can have, made from the document's examples."""
    found = dict(FIXED)
    collections = {operation.path: operation for operation in OPERATIONS if operation.method == "POST"}
    for operation in OPERATIONS:
        collection, _, rest = operation.path.partition("/{")
        parameter = rest.partition("}")[0]
        if not parameter or parameter in found or collection not in collections:
            continue
        answer = server.client.post(collection, **collections[collection].content())
        assert answer.is_success, f"{collection}: {answer.text}"
        found[parameter] = answer.json().get("id") or answer.json()[parameter]
    server.finish(found["job_id"])
    return found


def send(server: Server, operation: Operation, ids: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    """The operation on the first tenant's things. An id below one of these may be anything."""
    path = operation.path.format(**{name: ids.get(name, "none") for name in operation.parameters})
    return httpx.request(operation.method, server.url + path, headers=headers, timeout=30, **operation.content())


def with_key() -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.path not in PUBLIC]


@pytest.mark.parametrize("operation", with_key(), ids=str)
def test_without_a_key_there_is_nothing(server: Server, ids: dict[str, str], operation: Operation) -> None:
    answer = send(server, operation, ids, {})
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("operation", with_key(), ids=str)
def test_each_missing_scope_is_named(server: Server, ids: dict[str, str], operation: Operation) -> None:
    assert operation.scopes, "a route that needs a key needs a scope"
    for scope in operation.scopes:
        others = tuple(s for s in SCOPES if s != scope)
        lacking = assert_problem(send(server, operation, ids, server.key(scopes=others)), 403, "insufficient_scope")
        assert scope in lacking["detail"]
        assert lacking["required_scope"] == scope


@pytest.mark.parametrize("operation", [o for o in with_key() if o.parameters and o.path not in SHARED], ids=str)
def test_another_tenants_things_are_not_there(server: Server, ids: dict[str, str], operation: Operation) -> None:
    assert set(operation.parameters) & set(ids) - set(FIXED), "the document cannot make the thing that this path names"
    if operation.method == "GET" and set(operation.parameters) <= set(ids):
        assert send(server, operation, ids, dict(server.client.headers)).status_code == 200
    assert_problem(send(server, operation, ids, server.key("stranger")), 404, "not_found")


def test_another_tenants_files_cannot_be_named(server: Server, ids: dict[str, str]) -> None:
    body = next(o for o in OPERATIONS if str(o) == "POST /v1/jobs").content()["json"]
    for named in ({"images": [ids["file_id"]]}, {"retain": {"images": [ids["file_id"]]}}):
        request = {**body, "external_id": None, **named}
        answer = httpx.post(f"{server.url}/v1/jobs", json=request, headers=server.key("stranger"))
        assert_problem(answer, 422, "unknown_file")


def test_another_tenants_pictures_are_not_asked_about(server: Server, ids: dict[str, str]) -> None:
    path = f"{server.url}/v1/models/{ids['model_id']}/prepare"
    for named in ({"images": [ids["file_id"]]}, {"people": [[ids["file_id"]]]}):
        assert_problem(httpx.post(path, json=named, headers=server.key("stranger")), 422, "unknown_file")


def test_lists_show_no_other_tenants_things(server: Server, ids: dict[str, str]) -> None:
    theirs = {value for name, value in ids.items() if name not in {*FIXED, "model_id"}}
    headers = server.key("stranger")
    for operation in with_key():
        if operation.method == "GET" and not operation.parameters:
            answer = send(server, operation, ids, headers)
            assert answer.status_code == 200
            assert not [value for value in theirs if value in answer.text]
