"""`lethe demo`, whole: what it shows, what it leaves on disk, and that it leaves no process behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid

import pytest

from core.unlearning import reference
from core.unlearning.patches.verify import verify
from tests.support.api_process import assert_no_process_mentions, end, environment

pytestmark = pytest.mark.slow

SECONDS = 480


@pytest.fixture
def demo(tmp_path):
    """Starts the demo; its processes can be told by a mark in their environment."""
    mark = f"demo-{uuid.uuid4().hex}"
    (tmp_path / "tmp").mkdir()
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "client.cli", "demo", "--out", str(tmp_path / "out"), *arguments]
        log = (tmp_path / "log").open("wb")
        env = environment(DEMO_MARK=mark, TMPDIR=str(tmp_path / "tmp"), COLUMNS="140", PYTHONUNBUFFERED="1")
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=env, start_new_session=True, preexec_fn=_heed_interrupts
        )
        started.append(process)
        return process

    yield start, mark, tmp_path
    for process in started:
        process.kill()
        process.wait()


def _heed_interrupts():
    """A suite that a shell runs in the background ignores SIGINT, and every process it starts would, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_it_forgets_and_keeps_and_cleans_up(demo):
    start, mark, folder = demo
    code = start().wait(SECONDS)
    told = (folder / "log").read_text()
    assert code == 0, told
    for words in (
        "1. A model that knows",
        "2. Please forget",
        "3. The same questions",
        "passed",
        "PeftModel.from_pretrained",
    ):
        assert words in told
    assert "Traceback" not in told
    out = folder / "out"
    assert verify(out / "patch.zip", base=reference.bundled_path("mllm")).ok
    assert "<html" in (out / "report.html").read_text().lower()
    assert (out / "patch" / "adapter" / "adapter_config.json").is_file()
    assert_no_process_mentions(mark)
    assert list((folder / "tmp").glob("lethe*")) == []


@pytest.mark.parametrize(
    ("number", "status", "during"),
    [(signal.SIGINT, 130, "2. Please forget"), (signal.SIGTERM, 143, "1. A model that knows")],
)
def test_stopped_in_the_middle_it_leaves_no_process(demo, number, status, during):
    start, mark, folder = demo
    process = start()
    deadline = time.monotonic() + SECONDS
    while during not in (folder / "log").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert end(process, number, 60) == status
    assert_no_process_mentions(mark)
    assert list((folder / "tmp").glob("lethe*")) == []
    assert "Traceback" not in (folder / "log").read_text()
