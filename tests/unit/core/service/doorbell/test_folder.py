"""The doorbell on a folder: whole messages, taken once, with an id and nothing else."""

from __future__ import annotations

import base64
import json
import stat
import threading
from pathlib import Path
from queue import Empty

from celery import Celery

from core.service.doorbell.celery import QUEUE, RUN_JOB, make_celery, ping, ring
from core.service.settings import Settings


def celery(folder: Path) -> Celery:
    return make_celery(Settings(data_dir=folder))


def taken(app: Celery) -> list[str]:
    """Job ids, taken until the folder is empty."""
    found = []
    with app.connection_for_read() as connection:
        channel = connection.channel()
        while True:
            try:
                message = channel._get(QUEUE)
            except Empty:
                return found
            found.append(json.loads(base64.b64decode(message["body"]))[0][0])


def test_an_id_goes_in_and_comes_out_once(tmp_path: Path) -> None:
    app = celery(tmp_path)
    ring(app, "job_1")
    ring(app, "job_2")
    assert sorted(taken(celery(tmp_path))) == ["job_1", "job_2"], "in no order: both may carry the same millisecond"
    assert taken(app) == []
    assert [path for path in (tmp_path / "broker").rglob("*") if "job_" in path.name or path.suffix == ".msg"] == []


def test_a_message_is_json_for_the_job_task(tmp_path: Path) -> None:
    ring(celery(tmp_path), "job_1")
    (path,) = (tmp_path / "broker" / "messages").iterdir()
    message = json.loads(path.read_text())
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == RUN_JOB
    assert message["headers"]["expires"], "messages pile up while every worker is busy"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_takers_share_the_messages(tmp_path: Path) -> None:
    app = celery(tmp_path)
    wanted = [f"job_{n:03}" for n in range(60)]
    for job_id in wanted:
        ring(app, job_id)
    found: list[str] = []
    takers = [threading.Thread(target=lambda: found.extend(taken(celery(tmp_path)))) for _ in range(2)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(found) == wanted


def test_a_broker_that_is_away_is_not_the_callers_problem(tmp_path: Path) -> None:
    away = make_celery(Settings(data_dir=tmp_path, broker_url="redis://127.0.0.1:1/0"))
    ring(away, "job_1")
    reachable = True
    try:
        ping(away)
    except Exception:
        reachable = False
    assert not reachable
