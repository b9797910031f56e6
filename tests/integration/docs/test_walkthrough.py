"""The tutorial, block by block as printed, against a real server on a data folder of its own."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from client import Lethe
from tests.support.api_process import environment
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "tutorials" / "first_request.md"
_BLOCK = re.compile(r"<!-- walkthrough(?:: (\w+))? -->\n```(\w+)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """What each marked block is for (serve, bash, python) and its text."""
    return [(found[1] or found[2], found[3]) for found in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def test_the_walkthrough_works_as_printed(tmp_path):
    port = _free_port()
    env = _shell(tmp_path)
    serve = next(text for kind, text in blocks() if kind == "serve")
    server = _script(_without_venv(serve.replace("lethe serve", f"exec lethe serve --port {port}")))
    log = (tmp_path / "serve.log").open("wb")
    process = subprocess.Popen(["bash", "-c", server], cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        _wait_ready(process, port, tmp_path / "serve.log")
        steps = "\n".join(text for kind, text in blocks() if kind == "bash").replace(":8000", f":{port}")
        loading = next(text for kind, text in blocks() if kind == "python")
        check = f"{loading}\nassert model.active_adapters\n"
        steps += f"\nexport LETHE_URL\npython3 - <<'END'\n{check}END\n"
        env |= {"LETHE_URL": f"http://127.0.0.1:{port}"}
        done = subprocess.run(
            ["bash", "-c", _script(_without_venv(steps))],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=420,
        )
    finally:
        process.terminate()
        process.wait(60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the patch is sound" in done.stdout
    job = json.loads((tmp_path / "job.json").read_text())
    assert (job["status"], job["verdict"]) == ("succeeded", "passed")
    assert "adapter/adapter_config.json" in zipfile.ZipFile(tmp_path / "patch.zip").namelist()
    assert "<html" in (tmp_path / "report.html").read_text().lower()


def _script(text: str) -> str:
    return f"set -euo pipefail\n{text}"


def _without_venv(text: str) -> str:
    """The environment that runs the tests is the one that `make venv` would make."""
    return re.sub(r"^(make venv && )?source \.venv/bin/activate$", "", text, flags=re.MULTILINE)


def _shell(folder: Path) -> dict[str, str]:
    """A PATH on which `lethe` and `python3` are ours."""
    tools = folder / "bin"
    tools.mkdir()
    for name, arguments in (("lethe", "-m client.cli "), ("python3", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    env = environment()
    return env | {"PATH": f"{tools}:{env['PATH']}"}


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    with Lethe(f"http://127.0.0.1:{port}", "none") as probe:
        while not probe.ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
