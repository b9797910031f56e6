"""Waiting, listing, following and downloading."""

from __future__ import annotations

import hashlib
import json

import httpx
import pytest

from client import errors
from tests.support.scripted_server import answer, event, job, problem, repr_digest, scripted, stream

PATCH = bytes(range(256)) * 40


def test_wait_returns_the_job_at_its_end_and_tells_of_each_change():
    running = answer(job("running", phase="training"), etag='"2"')
    client, script, _ = scripted(
        answer(job(), etag='"1"'), running, httpx.Response(304), answer(job("succeeded", verdict="passed"))
    )
    seen = []
    done = client.jobs.wait("job_1", on_update=lambda state: seen.append(state.status))
    assert (done.status, done.verdict) == ("succeeded", "passed")
    assert seen == ["queued", "running", "succeeded"]
    assert [request.headers.get("if-none-match") for request in script.requests] == [None, '"1"', '"2"', '"2"']
    assert "wait" not in script.requests[0].url.params
    assert int(script.requests[1].url.params["wait"]) <= 60


def test_wait_gives_up_on_time_without_touching_the_job():
    client, script, _ = scripted(answer(job("running"), etag='"1"'))
    with pytest.raises(errors.JobTimeoutError):
        client.jobs.wait("job_1", timeout=0.05)
    assert {request.method for request in script.requests} == {"GET"}


def test_a_job_handle_keeps_itself_up_to_date():
    client, _, _ = scripted(answer(job(), 202), answer(job("succeeded", verdict="passed", new_field=1)))
    handle = client.jobs.create(model="m", name="A")
    assert handle.wait() is handle
    assert handle.verdict == "passed"
    assert handle.model_extra["new_field"] == 1


def test_list_reads_page_after_page_and_no_further_than_asked():
    pages = [
        answer({"object": "list", "data": [job(id="job_3"), job(id="job_2")], "has_more": True, "next_cursor": "c1"}),
        answer({"object": "list", "data": [job(id="job_1")], "has_more": False, "next_cursor": None}),
    ]
    client, script, _ = scripted(*pages)
    found = client.jobs.list(status="failed", page_size=2)
    assert next(found).id == "job_3"
    assert len(script.requests) == 1
    assert [item.id for item in found] == ["job_2", "job_1"]
    assert dict(script.requests[1].url.params) == {"status": "failed", "limit": "2", "after": "c1"}


STARTED, STEP, DONE = (
    event(1, "status", status="running", phase="training"),
    event(2, "progress", step=1, total_steps=2, fraction=0.5, loss=1.5),
    event(3, "status", status="succeeded"),
)


def test_events_stream_until_the_job_ends():
    client, _, _ = scripted(stream(STARTED, STEP, DONE))
    events = list(client.jobs.events("job_1"))
    assert [item.seq for item in events] == [1, 2, 3]
    assert events[1].data["loss"] == 1.5


def test_a_broken_stream_resumes_where_it_broke_and_repeats_nothing():
    client, script, _ = scripted(stream(STARTED, STEP), httpx.ReadError("reset"), stream(STEP, DONE))
    assert [item.seq for item in client.jobs.events("job_1")] == [1, 2, 3]
    assert script.requests[0].headers.get("last-event-id") is None
    assert script.requests[-1].headers["last-event-id"] == "2"


def test_events_are_polled_where_streams_do_not_get_through():
    buffered = answer({"object": "list", "data": [], "has_more": False})  # a proxy that rewrites what it does not know
    client, script, slept = scripted(
        buffered,
        answer(job("running")),
        answer({"object": "list", "data": [STARTED, STEP], "has_more": False}),
        answer(job("succeeded")),
        answer({"object": "list", "data": [DONE], "has_more": False}),
    )
    assert [item.seq for item in client.jobs.events("job_1")] == [1, 2, 3]
    assert [request.url.params.get("after") for request in script.requests] == [None, None, "0", None, "2"]
    assert len(slept) == 1


def test_events_of_an_unknown_job_are_an_error():
    client, _, _ = scripted(problem(404, "not_found"))
    with pytest.raises(errors.NotFoundError):
        list(client.jobs.events("job_9"))


def test_a_download_is_whole_or_not_there(tmp_path):
    good = httpx.Response(200, content=PATCH, headers={"repr-digest": repr_digest(PATCH), "etag": '"a"'})
    client, _, _ = scripted(good)
    target = client.jobs.download("job_1", tmp_path / "deep" / "patch.zip")
    assert target.read_bytes() == PATCH
    bad = httpx.Response(200, content=PATCH[:-1], headers={"repr-digest": repr_digest(PATCH)})
    client, _, _ = scripted(bad)
    with pytest.raises(errors.IntegrityError):
        client.jobs.download("job_1", tmp_path / "bad.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


def test_a_broken_download_goes_on_from_where_it_broke(tmp_path):
    class Breaking(httpx.SyncByteStream):
        def __iter__(self):
            yield PATCH[:1000]
            raise httpx.ReadError("reset")

    headers = {"repr-digest": repr_digest(PATCH), "etag": '"a"', "content-length": str(len(PATCH))}

    def rest(request: httpx.Request) -> httpx.Response:
        assert request.headers["if-range"] == '"a"'
        assert request.headers["range"] == "bytes=1000-"
        return httpx.Response(206, content=PATCH[1000:], headers={"repr-digest": repr_digest(PATCH), "etag": '"a"'})

    client, _, _ = scripted(httpx.Response(200, stream=Breaking(), headers=headers), rest)
    seen = []
    client.jobs.download("job_1", tmp_path / "p.zip", on_bytes=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "p.zip").read_bytes() == PATCH
    assert seen[0] == (1000, len(PATCH))
    assert seen[-1] == (len(PATCH), len(PATCH))


def test_a_redirect_to_the_store_does_not_carry_the_key(tmp_path):
    def store(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "store.test"
        assert "authorization" not in request.headers
        return httpx.Response(200, content=PATCH)

    client, _, _ = scripted(httpx.Response(307, headers={"location": "http://store.test/patch?sig=1"}), store)
    client.jobs.download("job_1", tmp_path / "p.zip")
    assert (tmp_path / "p.zip").read_bytes() == PATCH


def test_a_failed_verdict_is_not_downloaded_by_accident(tmp_path):
    client, script, _ = scripted(problem(409, "verdict_failed"), httpx.Response(200, content=PATCH))
    with pytest.raises(errors.ConflictError) as raised:
        client.jobs.download("job_1", tmp_path / "p.zip")
    assert raised.value.code == "verdict_failed"
    client.jobs.download("job_1", tmp_path / "p.zip", accept_failed=True)
    assert script.requests[-1].url.params["accept_failed"] == "true"


def test_an_artifact_is_checked_against_the_list(tmp_path):
    item = {
        "name": "report.json",
        "media_type": "application/json",
        "size": 2,
        "sha256": hashlib.sha256(b"{}").hexdigest(),
    }
    listing = answer({"object": "list", "data": [item], "has_more": False})
    client, _, _ = scripted(listing, httpx.Response(200, content=b"{}"))
    assert client.jobs.download("job_1", tmp_path / "r", artifact="report.json").read_bytes() == b"{}"
    client, _, _ = scripted(listing, httpx.Response(200, content=b"[]"))
    with pytest.raises(errors.IntegrityError):
        client.jobs.download("job_1", tmp_path / "r2", artifact="report.json")


def test_sculpt_sends_only_what_was_chosen():
    client, script, _ = scripted(answer(job(id="job_2", parent="job_1"), 202))
    assert client.jobs.sculpt("job_1", utility_floor=0.98).parent == "job_1"
    assert script.requests[0].content == b'{"utility_floor":0.98}'
    assert script.requests[0].headers["idempotency-key"]


def test_consolidate_names_its_jobs_or_means_all_of_them():
    client, script, _ = scripted(answer(job(id="job_3"), 202), answer(job("succeeded", id="job_3", verdict="passed")))
    made = client.models.consolidate("m", ["job_1", "job_2"], options={"keep_weight": 5})
    assert made.wait().done
    assert script.requests[0].url.path == "/v1/models/m/consolidate"
    assert json.loads(script.requests[0].content) == {"jobs": ["job_1", "job_2"], "options": {"keep_weight": 5}}
    assert script.requests[0].headers["idempotency-key"]
    client, script, _ = scripted(answer(job(id="job_3"), 202))
    client.models.consolidate("m")
    assert json.loads(script.requests[0].content) == {"jobs": None, "options": {}}
