"""The events of a job as they happen: server-sent events, or polling where a proxy blocks them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
from httpx_sse import EventSource

from client.errors import APIConnectionError, APIError
from client.models import Event
from client.transport import Transport
from core.job_states import TERMINAL

_SILENCE_SECONDS = 45.0
"""The server sends a comment every 15 s; after three missing ones the connection counts as dead."""
_POLL_SECONDS = 1.0


class _NoStreamError(Exception):
    """A proxy between client and server does not let streams through."""


class Feed:
    """An iterator over a job's events from `after` (exclusive) to the one that ends the job."""

    def __init__(self, transport: Transport, job_id: str, *, after: int = 0) -> None:
        self._transport = transport
        self._path = f"/v1/jobs/{job_id}"
        self._seq = after
        self._ended = False

    def __iter__(self) -> Iterator[Event]:
        empty_streams = 0
        while not self._ended:
            before = self._seq
            try:
                yield from self._stream()
            except _NoStreamError:
                break
            except (APIConnectionError, APIError) as error:
                self._give_up_or_wait(error, empty_streams)
            if not self._ended:
                empty_streams = 0 if self._seq > before else empty_streams + 1
                if empty_streams >= 2:
                    break
        yield from self._poll()

    def _give_up_or_wait(self, error: APIConnectionError | APIError, attempt: int) -> None:
        retry = self._transport.retry
        if isinstance(error, APIError) and not retry.retries(attempt, error.status, error.code) and error.status != 406:
            raise error
        self._transport.sleep(retry.delay(attempt, {}))

    def _stream(self) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._seq:
            headers["Last-Event-ID"] = str(self._seq)
        timeout = httpx.Timeout(30.0, read=_SILENCE_SECONDS)
        with self._transport.stream(f"{self._path}/events", headers=headers, timeout=timeout) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise _NoStreamError
            for message in EventSource(response).iter_sse():
                # A heartbeat between events comes out of the decoder as a message without data.
                if message.data and message.id.isdigit():
                    yield from self._accept(_event(int(message.id), message.event, message.json()))

    def _poll(self) -> Iterator[Event]:
        while not self._ended:
            # The job is read first: if it has ended, its last event is already there.
            done = self._transport.json("GET", self._path)["status"] in TERMINAL
            yield from self._page_through()
            if done:
                return
            self._transport.sleep(_POLL_SECONDS)

    def _page_through(self) -> Iterator[Event]:
        while True:
            page = self._transport.json("GET", f"{self._path}/events", params={"after": self._seq})
            for item in page["data"]:
                yield from self._accept(_event(item["seq"], item["type"], item))
            if not page.get("has_more") or not page["data"]:
                return

    def _accept(self, event: Event) -> Iterator[Event]:
        """The event, unless it was seen before: after a reconnection the server may repeat some."""
        if event.seq <= self._seq:
            return
        self._seq = event.seq
        self._ended = event.type == "status" and event.data.get("status") in TERMINAL
        yield event


def _event(seq: int, kind: str, body: dict[str, Any]) -> Event:
    """A list sends the data of an event inside its envelope; a stream may send either form."""
    if isinstance(body.get("data"), dict):
        return Event.model_validate(body | {"seq": seq, "type": kind})
    return Event(seq=seq, type=kind, data=body)
