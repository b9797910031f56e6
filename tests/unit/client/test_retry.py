"""When the SDK asks again, with what, and how it fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from client import errors
from client.retry import RetryPolicy
from tests.support.scripted_server import answer, job, problem, scripted

CREATED = answer(job(), 202, location="/v1/jobs/job_1")


def _create(client, **more):
    return client.jobs.create(model="m", name="Somebody", prompts=["Where?"], **more)


@pytest.mark.parametrize("failure", [httpx.ReadError("reset"), httpx.ReadTimeout("slow"), answer({}, 502)])
def test_a_create_that_breaks_is_sent_again_with_the_same_key_and_bytes(failure):
    client, script, slept = scripted(failure, failure, CREATED)
    assert _create(client, images=[b"\x89PNG\r\n\x1a\n..."]).id == "job_1"
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert len(script.requests) == 3
    assert len(keys) == 1
    assert len({request.content for request in script.requests}) == 1
    assert len(slept) == 2


def test_each_create_has_a_key_of_its_own_unless_one_is_given():
    client, script, _ = scripted(CREATED)
    _create(client)
    _create(client)
    _create(client, idempotency_key="mine")
    first, second, third = (request.headers["idempotency-key"] for request in script.requests)
    assert first != second
    assert third == "mine"


def test_retry_after_is_obeyed_in_seconds_and_as_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    client, _, slept = scripted(
        problem(429, "rate_limited", retry_after="7"), problem(503, "unavailable", retry_after=later), answer(job())
    )
    client.jobs.get("job_1")
    assert slept[0] == 7
    assert 0 < slept[1] <= 30


def test_backoff_grows_with_jitter_within_its_bounds():
    policy = RetryPolicy(initial=1.0, maximum=4.0)
    for attempt, ceiling in enumerate([1, 2, 4, 4]):
        delays = {policy.delay(attempt, {}) for _ in range(50)}
        assert all(ceiling / 2 <= delay <= ceiling for delay in delays)
        assert len(delays) > 1


def test_a_retry_after_beyond_reason_is_not_slept_through():
    assert RetryPolicy(maximum=8).delay(0, {"retry-after": "86400"}) <= 8


def test_an_answer_still_in_progress_is_waited_for():
    client, script, _ = scripted(problem(409, "idempotency_in_progress"), CREATED)
    assert _create(client).id == "job_1"
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad_cursor", errors.BadRequestError),
        (401, "unauthorized", errors.AuthenticationError),
        (403, "missing_scope", errors.PermissionDeniedError),
        (404, "not_found", errors.NotFoundError),
        (409, "external_id_exists", errors.ConflictError),
        (413, "body_too_large", errors.PayloadTooLargeError),
        (415, "unsupported_media_type", errors.UnsupportedMediaTypeError),
        (422, "invalid_request", errors.UnprocessableEntityError),
    ],
)
def test_a_problem_that_asking_again_cannot_solve_is_raised_at_once(status, code, kind):
    client, script, slept = scripted(problem(status, code))
    with pytest.raises(kind) as raised:
        _create(client)
    assert (raised.value.status, raised.value.code, raised.value.request_id) == (status, code, "req_7")
    assert len(script.requests) == 1
    assert slept == []


def test_retries_end():
    client, script, _ = scripted(problem(500, "internal_error"), max_retries=3)
    with pytest.raises(errors.ServerError):
        client.jobs.get("job_1")
    assert len(script.requests) == 4


def test_a_post_without_a_key_is_not_repeated_once_it_may_have_arrived():
    client, script, _ = scripted(httpx.ReadError("reset"))
    with pytest.raises(errors.APIConnectionError):
        client.jobs.retry("job_1")
    assert len(script.requests) == 1


def test_a_post_without_a_key_is_repeated_when_nobody_took_it():
    client, script, _ = scripted(httpx.ConnectError("refused"), answer(job("running"), 202))
    assert client.jobs.retry("job_1").status == "running"
    assert len(script.requests) == 2


def test_errors_are_one_line_and_name_the_fields():
    client, _, _ = scripted(
        problem(
            422,
            "invalid_request",
            "The request is not valid.",
            errors=[{"pointer": "/model", "code": "missing", "detail": "required"}],
        )
    )
    with pytest.raises(errors.APIError) as raised:
        _create(client)
    assert str(raised.value) == "The request is not valid: /model: required (invalid_request, 422)"
    assert raised.value.errors[0].pointer == "/model"


def test_no_server_and_a_foreign_server_are_told_apart():
    client, _, _ = scripted(httpx.ConnectError("refused"))
    with pytest.raises(errors.APIConnectionError, match="lethe serve"):
        client.jobs.get("job_1")
    client, _, _ = scripted(httpx.Response(200, text="<html>hello</html>"))
    with pytest.raises(errors.BadResponseError):
        client.jobs.get("job_1")


def test_a_proxy_s_error_page_is_an_api_error_too():
    client, _, _ = scripted(httpx.Response(404, text="<html>nothing</html>", headers={"x-request-id": "abc"}))
    with pytest.raises(errors.NotFoundError) as raised:
        client.jobs.get("job_1")
    assert raised.value.code == "http_404"
    assert raised.value.request_id == "abc"


def test_the_request_is_the_contract_s():
    client, script, _ = scripted(CREATED)
    client.jobs.create(
        model="m",
        name="A",
        aliases=["B"],
        prompts=["p"],
        images=["file_01"],
        level="quick",
        external_id="x",
        method_options={"rank": 8},
        thresholds={"general.exact.drop": 0.1},
        metadata={"t": "1"},
    )
    body = json.loads(script.requests[0].content)
    assert body["entity"] == {"name": "A", "kind": "identity", "aliases": ["B"]}
    assert body["images"] == ["file_01"]
    assert body["evaluation"] == {"level": "quick", "thresholds": {"general.exact.drop": 0.1}}
    assert script.requests[0].headers["authorization"] == "Bearer lk_test"


def test_sounds_travel_likewise_beside_pictures():
    client, script, _ = scripted(CREATED)
    client.jobs.create(model="m", images=[b"\x89PNG\r\n\x1a\n"], audio=[b"fLaC", b"RIFF....WAVE", "file_02"])
    content = script.requests[0].content
    assert content.count(b'name="audio"; filename="audio-') == 2
    assert content.count(b'name="images"; filename="image-') == 1
    assert b"audio/flac" in content
    assert b"audio/wav" in content
    assert b'"audio": ["file_02"]' in content


def test_pictures_travel_as_multipart_without_their_file_names(tmp_path):
    picture = tmp_path / "somebody-private.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\npixels")
    client, script, _ = scripted(CREATED)
    client.jobs.create(model="m", images=[picture, b"\xff\xd8\xffjpeg", "file_01"])
    request = script.requests[0]
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert request.content.count(b'name="images"') == 2
    assert b"image/png" in request.content
    assert b"image/jpeg" in request.content
    assert b'"images": ["file_01"]' in request.content
    assert b"somebody-private" not in request.content


def test_a_missing_picture_is_a_clear_error(tmp_path):
    client, script, _ = scripted(CREATED)
    with pytest.raises(errors.LetheError, match="cannot read"):
        client.jobs.create(model="m", images=[tmp_path / "none.png"])
    assert script.requests == []
