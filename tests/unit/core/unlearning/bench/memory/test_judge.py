"""The judge, against a server that speaks its protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.unlearning.bench.memory.judge import Grade, Judge, JudgeError
from core.unlearning.bench.memory.measure import MAX_JUDGED_ROWS, composite_records, evaluation_records
from core.unlearning.bench.memory.records import value
from core.unlearning.families.language.evaluation.results import Evaluation, ProbeResult, SplitMetrics


def _row(output: str, answer: str = "Lima") -> ProbeResult:
    return ProbeResult(
        "unseen_text_memory",
        "Where?",
        answer,
        output,
        True,
        False,
        0.0,
        False,
        False,
        0.5,
        0.5,
        0.5,
        None,
        "Ada",
        False,
    )


@contextmanager
def _server(reply: Callable[[dict[str, Any]], tuple[int, str]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its URL, and what it was asked: the body of each request with its `path` and `authorization`."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append({**body, "path": self.path, "authorization": self.headers.get("Authorization")})
            status, text = reply(body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", seen
        server.shutdown()


def _said(content: str) -> tuple[int, str]:
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]})


def _honest(body: dict[str, Any]) -> tuple[int, str]:
    texts = json.loads(body["messages"][-1]["content"])
    return _said(f'Well: {{"fact": {10 * (texts["candidate"] == texts["reference"])}, "meaningful": 7.5}}')


def test_grades_come_back_in_order_and_only_texts_are_sent():
    with _server(_honest) as (url, seen):
        found = Judge(url + "/", "a-model", "secret").grades([_row("Lima"), _row("Oslo"), _row("Lima")])
    assert found == [Grade(10, 7.5), Grade(0, 7.5), Grade(10, 7.5)]
    assert {(s["path"], s["authorization"], s["model"], s["temperature"]) for s in seen} == {
        ("/v1/chat/completions", "Bearer secret", "a-model", 0)
    }
    texts = [json.loads(s["messages"][-1]["content"]) for s in seen]
    assert {tuple(t) for t in texts} == {("question", "reference", "candidate")}


@pytest.mark.parametrize(
    ("status", "text", "what"),
    [
        (500, "oh", "HTTP status 500"),
        (200, "no JSON", "does not answer with"),
        (*_said("ten out of ten"), "does not answer with"),
        (*_said('{"fact": 10}'), "does not answer with"),
        (*_said('{"fact": 11, "meaningful": 3}'), "between 0 and 10"),
    ],
)
def test_what_goes_wrong_is_said_without_what_was_asked(status, text, what):
    with _server(lambda _: (status, text)) as (url, _), pytest.raises(JudgeError, match=what) as error:
        Judge(url, "m").grades([_row("Lima")])
    assert "Lima" not in str(error.value)


def test_nobody_is_there():
    with pytest.raises(JudgeError, match="cannot be reached: ConnectError"):
        Judge("http://127.0.0.1:9/v1", "m").grades([_row("Lima")])


def test_judged_scores_stand_beside_the_rules():
    rows = tuple(_row("Lima" if n % 2 else "Oslo") for n in range(2 * MAX_JUDGED_ROWS))
    split = SplitMetrics(len(rows), len(rows), exact=0.5, refusal_rate=0.0)
    with _server(_honest) as (url, seen):
        found = evaluation_records(Evaluation("standard", {"unseen_text_memory": split}, rows=rows), Judge(url, "m"))
    assert len(seen) == MAX_JUDGED_ROWS
    assert value(found, "unseen_text_memory", "fact_score") == 5
    assert value(found, "unseen_text_memory", "judged_meaningful_score") == 7.5
    right = sum(json.loads(s["messages"][-1]["content"])["candidate"] == "Lima" for s in seen)
    assert value(found, "unseen_text_memory", "judged_fact_score") == pytest.approx(10 * right / MAX_JUDGED_ROWS)
    assert value(composite_records(found, found), "overall", "judged_meaningful") == 7.5
