"""What a job leaves, over HTTP."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest

from core.service import signing_keys
from tests.support.api_server import CERTIFICATE, Server, assert_problem, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def done(server: Server) -> tuple[str, bytes]:
    """A succeeded job's path and its patch."""
    job_id = server.create()["id"]
    return f"/v1/jobs/{job_id}", server.finish(job_id)


def test_the_patch_comes_whole_with_its_digest(server: Server, done: tuple[str, bytes]) -> None:
    path, patch = done
    answer = server.client.get(f"{path}/patch")
    assert answer.status_code == 200
    assert answer.content == patch
    digest = hashlib.sha256(patch).digest()
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert answer.headers["etag"] == f'"{digest.hex()}"'
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-length"] == str(len(patch))
    assert answer.headers["content-disposition"] == f'attachment; filename="{path.rpartition("/")[2]}-patch.zip"'
    assert answer.headers["accept-ranges"] == "bytes"


def test_the_patch_comes_in_parts(server: Server, done: tuple[str, bytes]) -> None:
    path, patch = done
    first = server.client.get(f"{path}/patch", headers={"Range": "bytes=0-999"})
    rest = server.client.get(f"{path}/patch", headers={"Range": "bytes=1000-", "If-Range": first.headers["etag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == patch
    assert first.headers["content-range"] == f"bytes 0-999/{len(patch)}"
    assert rest.headers["repr-digest"] == first.headers["repr-digest"]
    outdated = server.client.get(f"{path}/patch", headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (outdated.status_code, outdated.content) == (200, patch)
    behind = server.client.get(f"{path}/patch", headers={"Range": f"bytes={len(patch)}-"})
    assert_problem(behind, 416, "range_not_satisfiable")
    assert behind.headers["content-range"] == f"bytes */{len(patch)}"


def test_a_patch_that_is_known_is_304(server: Server, done: tuple[str, bytes]) -> None:
    path, _ = done
    tag = server.client.get(f"{path}/patch").headers["etag"]
    assert server.client.get(f"{path}/patch", headers={"If-None-Match": f'"x", {tag}'}).status_code == 304


def test_a_failed_verdict_must_be_asked_for(server: Server) -> None:
    job_id = server.create()["id"]
    patch = server.finish(job_id, verdict="failed")
    assert server.client.get(f"/v1/jobs/{job_id}").json()["verdict"] == "failed"
    for path in ("patch", "artifacts/patch.zip"):
        assert_problem(server.client.get(f"/v1/jobs/{job_id}/{path}"), 409, "verdict_failed")
        assert server.client.get(f"/v1/jobs/{job_id}/{path}?accept_failed=true").content == patch
    assert server.client.get(f"/v1/jobs/{job_id}/report").status_code == 200


@pytest.mark.parametrize("path", ["patch", "report", "certificate"])
def test_nothing_to_download_before_success(server: Server, path: str) -> None:
    job_id = server.create()["id"]
    assert_problem(server.client.get(f"/v1/jobs/{job_id}/{path}"), 409, "job_not_succeeded")
    server.fail(job_id)
    assert_problem(server.client.get(f"/v1/jobs/{job_id}/{path}"), 409, "job_not_succeeded")
    assert server.client.get(f"/v1/jobs/{job_id}/artifacts").json()["data"] == []


def test_artifacts_are_listed_and_fetched_by_their_url(server: Server, done: tuple[str, bytes]) -> None:
    listed = server.client.get(f"{done[0]}/artifacts").json()
    assert listed["object"] == "list"
    assert {a["name"] for a in listed["data"]} == {"patch.zip", "report.json", "report.html", "certificate.json"}
    for artifact in listed["data"]:
        content = server.client.get(artifact["url"]).content
        assert (len(content), hashlib.sha256(content).hexdigest()) == (artifact["size"], artifact["sha256"])
    assert listed["data"] == [{**a, "object": "artifact"} for a in server.client.get(done[0]).json()["artifacts"]]
    assert_problem(server.client.get(f"{done[0]}/artifacts/nothing.zip"), 404, "not_found")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("application/json;q=0, */*", "text/html"),
    ],
)
def test_the_report_comes_as_accepted(server: Server, done: tuple[str, bytes], accept: str, kind: str) -> None:
    answer = server.client.get(f"{done[0]}/report", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.headers["vary"] == "Accept"


def test_no_report_for_who_accepts_neither(server: Server, done: tuple[str, bytes]) -> None:
    assert_problem(server.client.get(f"{done[0]}/report", headers={"Accept": "image/png"}), 406, "not_acceptable")


def test_a_shown_report_can_run_nothing(server: Server, done: tuple[str, bytes]) -> None:
    policy = server.client.get(f"{done[0]}/report", headers={"Accept": "text/html"}).headers["content-security-policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_the_certificate_is_what_the_worker_signed(server: Server, done: tuple[str, bytes]) -> None:
    assert server.client.get(f"{done[0]}/certificate").json() == CERTIFICATE


def test_the_workers_key_is_public_and_the_api_publishes_none(server: Server) -> None:
    assert server.client.get("/.well-known/lethe-keys.json").json() == {"keys": [], "withdrawn": []}
    with server.services.db.write() as session:
        signing_keys.publish(session, "f" * 16, b"k" * 32)
    answer = server.client.get("/.well-known/lethe-keys.json", headers={"Authorization": ""})
    (key,) = answer.json()["keys"]
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    assert len(base64.urlsafe_b64decode(key["x"] + "==")) == 32
    assert "d" not in key
