"""schemathesis over the whole OpenAPI document against a real server: examples, edge cases, fuzzing, sequences."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_server import Server, serving
from tests.support.openapi_document import PATH
from tests.support.paths import ROOT

CONFIG = ROOT / "tests" / "support" / "schemathesis.toml"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("api.routes.jobs.routes.MAX_WAIT_SECONDS", 0.1)
    with serving(tmp_path, bundled_models=True, max_queued_jobs=10**9, max_json_bytes=50_000) as running:
        yield running


def test_no_request_makes_the_server_break_its_word(server: Server, tmp_path: Path) -> None:
    authorization = server.client.headers["authorization"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", str(PATH)]
    command += ["--url", server.url, "--header", f"Authorization: {authorization}", "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
