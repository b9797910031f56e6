"""Who may do what, and how every refusal looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import httpx
import pytest

from api.routes import health
from core.service.errors import ServiceError
from core.service.jobs import views
from core.service.storage.disk import DiskStore
from tests.support.api_server import CANARY, MODEL, Server, assert_problem, png, request, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.mark.parametrize("header", ["Bearer lk_wrong", "Basic dXNlcjpwYXNz", "lk_x", "Bearer é"])
def test_keys_that_are_none(server: Server, header: str) -> None:
    answer = httpx.get(f"{server.url}/v1/jobs", headers={"Authorization": header.encode()})
    assert_problem(answer, 401, "unauthorized")


def test_a_key_is_shown_once_and_can_be_revoked(server: Server) -> None:
    body = {"name": "ci", "scopes": ["jobs:read"]}
    answer = server.client.post("/v1/keys", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert httpx.get(f"{server.url}/v1/jobs", headers=headers).status_code == 200
    assert made["secret"] not in server.client.get("/v1/keys").text
    again = server.client.post("/v1/keys", json=body, headers={"Idempotency-Key": "k"}).json()
    assert again == {**made, "secret": None}
    assert server.client.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert_problem(httpx.get(f"{server.url}/v1/jobs", headers=headers), 401, "unauthorized")
    assert server.client.get(f"/v1/keys/{made['id']}").json()["revoked_at"] is not None


def test_a_key_hands_out_no_scope_that_it_has_not(server: Server) -> None:
    keeper = server.key(scopes=("keys:manage", "jobs:read"))
    wanted = {"name": "mine", "scopes": ["jobs:read", "artifacts:read"]}
    refused = httpx.post(f"{server.url}/v1/keys", json=wanted, headers=keeper)
    assert_problem(refused, 403, "insufficient_scope")
    assert refused.json()["required_scope"] == "artifacts:read"
    everything = server.client.post("/v1/keys", json=wanted).json()["id"]
    assert_problem(httpx.post(f"{server.url}/v1/keys/{everything}/rotate", headers=keeper), 403, "insufficient_scope")
    narrow = httpx.post(f"{server.url}/v1/keys", json={**wanted, "scopes": ["jobs:read"]}, headers=keeper)
    assert narrow.status_code == 201
    assert httpx.post(f"{server.url}/v1/keys/{narrow.json()['id']}/rotate", headers=keeper).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": []},
        {"name": "", "scopes": ["jobs:read"]},
        {"name": "x", "scopes": ["jobs:read"], "expires_at": "2001-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["jobs:read"], "expires_at": "2101-01-01T00:00:00"},
        {"name": "x\u0000", "scopes": ["jobs:read"]},
        {"name": "x", "scopes": ["jobs:read"], "tenant": "other"},
    ],
)
def test_keys_that_cannot_be_made(server: Server, body: dict[str, object]) -> None:
    answer = server.client.post("/v1/keys", json=body)
    assert_problem(answer, 422, answer.json()["code"])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"source": "/etc"}, "/source"),
        ({"source": "../.."}, "/source"),
        ({"family": "poetry"}, "/family"),
        ({"retain_set": "/etc"}, "/retain_set"),
        ({"defaults": {"colour": 1}}, "/defaults/colour"),
        ({"trust_remote_code": True}, "/trust_remote_code"),
        ({"id": "../x"}, "/id"),
    ],
)
def test_models_that_cannot_be_registered(server: Server, changes: dict[str, object], pointer: str) -> None:
    answer = server.client.post("/v1/models", json={"id": "m", "family": "mllm", "source": "owner/name", **changes})
    body = assert_problem(answer, 422, answer.json()["code"])
    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_a_model_is_registered_listed_and_used(server: Server) -> None:
    body = {"id": "hub", "family": "mllm", "source": "owner/name", "revision": "abc", "defaults": {"rank": 4}}
    answer = server.client.post("/v1/models", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/v1/models/hub"
    model = server.client.get("/v1/models/hub").json()
    assert {name: model[name] for name in body} == body
    assert {m["id"] for m in server.client.get("/v1/models").json()["data"]} == {MODEL, "hub"}
    assert server.create(model="hub")["plan"]["options"]["rank"] == 4
    assert_problem(server.client.post("/v1/models", json={**body, "revision": "def"}), 409, "model_exists")


def test_a_folder_of_a_model_is_confined_and_holds_no_pickle(tmp_path: Path) -> None:
    root, outside = tmp_path / "models", tmp_path / "outside"
    for folder in (root / "good", root / "bad", outside):
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"x")
    (root / "bad" / "pytorch_model.bin").write_bytes(b"x")
    (root / "link").symlink_to(outside)
    with serving(tmp_path / "data", model_roots=[root]) as server:

        def register(source: object) -> httpx.Response:
            return server.client.post("/v1/models", json={"id": "m", "family": "mllm", "source": str(source)})

        for source in (outside, root / "link", root / ".." / "outside", root / "nothing", "/etc/passwd"):
            assert_problem(register(source), 422, "model_not_allowed")
        bad = assert_problem(register(root / "bad"), 422, "unsafe_checkpoint")
        assert [error["pointer"] for error in bad["errors"]] == ["/source"]
        assert_problem(server.client.get("/v1/models/m"), 404, "not_found")
        assert register(root / "good").status_code == 201


def test_methods_publish_their_options(server: Server) -> None:
    (smfa,) = [m for m in server.client.get("/v1/methods").json()["data"] if m["name"] == "smfa"]
    assert smfa["families"] == ["mllm", "llm"]
    assert smfa["paper"].startswith("https://")
    assert smfa["options"]["properties"]["rank"]["default"] == 16
    of_pictures = {
        m["name"]: m for m in server.client.get("/v1/methods").json()["data"] if m["families"] == ["diffusion"]
    }
    assert {"closed-form", "forget-me-not"} <= of_pictures.keys()
    for method in of_pictures.values():
        assert all(option["description"] for option in method["options"]["properties"].values())


def test_files_that_are_no_pictures(server: Server) -> None:
    def post(data: dict[str, str], files: dict[str, bytes]) -> httpx.Response:
        return server.client.post("/v1/files", data=data, files=files)

    assert_problem(post({"purpose": "forget"}, {"file": b"hello"}), 415, "unsupported_image")
    assert_problem(post({"purpose": "sell"}, {"file": png()}), 422, "invalid_purpose")
    assert_problem(post({"purpose": "forget"}, {"other": png()}), 422, "missing")
    assert_problem(server.client.post("/v1/files", json={"purpose": "forget"}), 415, "unsupported_media_type")


def test_a_repeated_upload_is_one_file(server: Server) -> None:
    def post(picture: bytes) -> httpx.Response:
        headers = {"Idempotency-Key": "upload"}
        return server.client.post("/v1/files", data={"purpose": "retain"}, files={"file": picture}, headers=headers)

    first = post(png())
    assert post(png()).json() == first.json()
    assert_problem(post(png("green")), 422, "idempotency_key_reused")


def test_unknown_paths_and_methods_are_problems_too(server: Server) -> None:
    assert_problem(server.client.get(f"/v1/nothing?name={CANARY}"), 404, "not_found")
    wrong = server.client.put("/v1/jobs", json={})
    assert_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST, HEAD"
    assert_problem(server.client.get("/v1/jobs/a%00b"), 400, "bad_request")
    assert_problem(server.client.get("/v1/jobs?external_id=a%00b"), 400, "bad_request")
    assert_problem(server.client.get("/static/../../pyproject.toml"), 404, "not_found")
    assert_problem(server.client.post("/v1/jobs/x/sculpt", content=b"k=1", headers={"Content-Type": "text/plain"}), 415,
                   "unsupported_media_type")  # fmt: skip
    assert_problem(server.client.post("/v1/keys", content=b"{", headers={"Content-Type": "application/json"}), 400,
                   "bad_request")  # fmt: skip


def test_a_crash_answers_500_and_tells_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError(f"about {CANARY}")

    monkeypatch.setattr(views, "read_job", crash)
    assert_problem(server.client.get("/v1/jobs/job_x"), 500, "internal_error")


def test_services_errors_keep_their_code(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class OddError(ServiceError):
        status, code, title = 409, "odd", "Odd"

    def refuse(*_: object) -> None:
        raise OddError("It is odd.", extra={"more": 1})

    monkeypatch.setattr(views, "read_job", refuse)
    assert assert_problem(server.client.get("/v1/jobs/job_x"), 409, "odd")["more"] == 1


def test_a_request_id_is_taken_over_if_it_is_one(server: Server) -> None:
    assert server.client.get("/healthz", headers={"X-Request-Id": "trace-1234"}).headers["x-request-id"] == "trace-1234"
    made = server.client.get("/healthz", headers={"X-Request-Id": "<script>"}).headers["x-request-id"]
    assert made.startswith("req_")


def test_every_answer_is_hardened(server: Server) -> None:
    for path in ("/", "/docs", "/v1/jobs", "/nothing", "/static/console.js", "/healthz"):
        headers = server.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_console_and_reference_need_nothing_from_elsewhere(server: Server) -> None:
    for path in ("/", "/docs", "/static/console.js", "/static/console.css"):
        answer = httpx.get(server.url + path)
        assert answer.status_code == 200
        assert "https://" not in answer.text
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
    assert "POST /v1/jobs" in httpx.get(f"{server.url}/docs").text


def test_docs_and_document_are_optional(tmp_path: Path) -> None:
    with serving(tmp_path, docs=False) as closed:
        for path in ("/docs", "/openapi.json", "/redoc"):
            assert_problem(closed.client.get(path), 404, "not_found")
        assert closed.client.get("/v1/jobs").status_code == 200


def test_other_origins_are_let_in_by_name_alone(server: Server, tmp_path: Path) -> None:
    asked = {"Origin": "https://console.example", "Access-Control-Request-Method": "POST"}
    assert_problem(server.client.options("/v1/jobs", headers=asked), 405, "method_not_allowed")
    with serving(tmp_path, cors_origins=["https://console.example"]) as opened:
        answer = opened.client.options("/v1/jobs", headers=asked)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, asked["Origin"])
        assert opened.client.get("/v1/jobs", headers=asked).headers["access-control-allow-origin"] == asked["Origin"]
        other = {**asked, "Origin": "https://evil.example"}
        assert "access-control-allow-origin" not in opened.client.options("/v1/jobs", headers=other).headers
        assert "access-control-allow-origin" not in opened.client.get("/v1/jobs", headers=other).headers


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 60.0)


def test_ready_says_what_was_checked(server: Server, patient: None) -> None:
    answer = httpx.get(f"{server.url}/readyz", timeout=120)
    assert answer.status_code == 200
    assert {check["name"]: check["ok"] for check in answer.json()["checks"]} == {
        "database": True, "broker": True, "store": True,
    }  # fmt: skip


def test_not_ready_while_something_is_away(tmp_path: Path, patient: None) -> None:
    with serving(tmp_path / "data") as server:
        (tmp_path / "data" / "store").write_text("in the way")
        with server.services.db.write() as session:
            session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
        answer = httpx.get(f"{server.url}/readyz", timeout=120)
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable"
        failing = {check["name"] for check in answer.json()["checks"] if not check["ok"]}
        assert failing == {"database", "store"}
        assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}


def test_ready_answers_while_the_store_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Event()
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    with serving(tmp_path / "data") as server:
        monkeypatch.setattr(DiskStore, "ping", lambda _: gate.wait())
        for _ in range(3):
            answer = httpx.get(f"{server.url}/readyz")
            assert answer.status_code == 503
            store = {check["name"]: check for check in answer.json()["checks"]}["store"]
            assert (store["ok"], store["detail"]) == (False, "Not reachable (TimeoutError).")
        gate.set()


def test_too_many_requests_wait(tmp_path: Path) -> None:
    with serving(tmp_path, requests_per_minute=3) as server:
        answers = [server.client.get("/v1/methods") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert_problem(answers[-1], 429, "rate_limited")
        assert int(answers[-1].headers["retry-after"]) > 0
        assert answers[0].headers["x-ratelimit-remaining"] == "2"
        assert answers[-1].headers["ratelimit"].startswith('"key";r=0')
        assert httpx.get(f"{server.url}/v1/methods", headers=server.key()).status_code == 200


def test_a_full_queue_refuses(tmp_path: Path) -> None:
    with serving(tmp_path, max_queued_jobs=1) as server:
        server.create()
        answer = server.client.post("/v1/jobs", json=request())
        assert_problem(answer, 429, "too_many_queued_jobs")
        assert "retry-after" in answer.headers
