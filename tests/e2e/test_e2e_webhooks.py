"""A job that fails in a real worker is told to the receiver that the documentation prints."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.embedded_server import LONG, a_canary_request, assert_no_canary, serving
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "how-to" / "webhooks.md"


def test_a_failing_and_a_cancelled_job_reach_the_receiver_of_the_documentation(tmp_path: Path) -> None:
    port = _free_port()
    with serving(tmp_path / "data", webhook_networks="127.0.0.1/32") as running:
        made = running.client.post("/v1/webhooks", json={"url": f"http://127.0.0.1:{port}/"}).raise_for_status().json()
        request, images = a_canary_request(tmp_path / "sample")
        failing = running.submit(request, [*images[1:], images[0][: len(images[0]) * 2 // 3]])
        stopped = running.submit(request, images)
        running.client.post(f"/v1/jobs/{stopped}/cancel").raise_for_status()
        running.ended(failing)
        # Only now does somebody listen: what failed before is tried again.
        with _documented_receiver(port, made["secret"], tmp_path / "heard") as heard:
            wanted = {f"job.running {failing}", f"job.failed {failing}", f"job.cancelled {stopped}"}
            _until(lambda: wanted <= set(heard.read_text().splitlines()), running.log)
        listed = running.client.get(f"/v1/webhooks/{made['id']}/deliveries")
        assert {delivery["type"] for delivery in listed.json()["data"]} >= {"job.failed", "job.cancelled"}
        assert running.lines(event="webhook_tried", outcome="delivered", webhook_id=made["id"])
        assert_no_canary(running, failing)
        for word in (f"127.0.0.1:{port}", made["secret"]):
            assert word not in running.log.read_text()


@contextmanager
def _documented_receiver(port: int, secret: str, heard: Path) -> Iterator[Path]:
    found = re.search(r"<!-- receiver -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret}
    with heard.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", found[1]], stdout=out, env=environment)
    try:
        yield heard
    finally:
        process.kill()
        process.wait()


def _until(true: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
