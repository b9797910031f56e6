"""Events as a list and as a stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from httpx_sse import ServerSentEvent, connect_sse

from api.routes.jobs import events as events_route
from core.service.jobs import lease
from tests.support.api_server import Server, assert_problem, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


def stream(server: Server, job_id: str, **headers: str) -> list[ServerSentEvent]:
    with connect_sse(server.client, "GET", f"/v1/jobs/{job_id}/events", headers=headers) as source:
        assert source.response.headers["content-type"].startswith("text/event-stream")
        return [event for event in source.iter_sse() if event.event != "message" or event.data]


def test_events_are_numbered_and_paged(server: Server) -> None:
    job_id = server.create()["id"]
    server.finish(job_id)
    page = server.client.get(f"/v1/jobs/{job_id}/events").json()
    assert page["object"] == "list"
    assert [event["seq"] for event in page["data"]] == list(range(1, len(page["data"]) + 1))
    assert page["data"][0]["data"]["status"] == "queued"
    assert page["data"][-1]["data"]["status"] == "succeeded"
    assert {event["type"] for event in page["data"]} == {"status", "progress"}
    first = server.client.get(f"/v1/jobs/{job_id}/events?limit=2").json()
    assert (first["has_more"], first["data"]) == (True, page["data"][:2])
    assert server.client.get(f"/v1/jobs/{job_id}/events?after=2").json()["data"] == page["data"][2:]
    assert_problem(server.client.get(f"/v1/jobs/{job_id}/events?after=-1"), 422, "validation_error")


def test_a_finished_job_streams_everything_and_ends(server: Server) -> None:
    job_id = server.create()["id"]
    server.finish(job_id)
    listed = server.client.get(f"/v1/jobs/{job_id}/events").json()["data"]
    received = stream(server, job_id)
    assert [event.json() for event in received] == listed
    assert [event.id for event in received] == [str(event["seq"]) for event in listed]
    assert [event.event for event in received] == [event["type"] for event in listed]


def test_a_stream_goes_on_behind_the_last_event_seen(server: Server) -> None:
    job_id = server.create()["id"]
    server.finish(job_id)
    everything = stream(server, job_id)
    resumed = stream(server, job_id, **{"Last-Event-ID": everything[1].id})
    assert [event.id for event in resumed] == [event.id for event in everything[2:]]
    assert stream(server, job_id, **{"Last-Event-ID": everything[-1].id}) == []
    assert len(stream(server, job_id, **{"Last-Event-ID": "not a number"})) == len(everything)


def test_a_stream_follows_a_running_job_to_its_end(server: Server) -> None:
    job_id = server.create()["id"]
    started = threading.Event()
    received: list[ServerSentEvent] = []

    def follow() -> None:
        with connect_sse(server.client, "GET", f"/v1/jobs/{job_id}/events") as source:
            for event in source.iter_sse():
                if event.data:
                    received.append(event)
                    started.set()

    follower = threading.Thread(target=follow)
    follower.start()
    assert started.wait(60)
    claim = server.claim(job_id)
    with server.services.db.write() as session:
        lease.cancel(session, claim)
    follower.join(60)
    assert not follower.is_alive()
    assert [event.json()["data"]["status"] for event in received] == ["queued", "running", "cancelled"]


def test_a_quiet_stream_says_that_it_lives(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_route, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(events_route, "POLL_SECONDS", 0.1)
    path = f"/v1/jobs/{server.create()['id']}/events"
    with server.client.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        comment = next(line for line in answer.iter_lines() if line.startswith(":"))
    assert comment.startswith(": ")


def test_no_stream_of_a_job_that_is_not_there(server: Server) -> None:
    answer = server.client.get("/v1/jobs/job_nope/events", headers={"Accept": "text/event-stream"})
    assert_problem(answer, 404, "not_found")
