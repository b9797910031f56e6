"""The demo: a local server, a forget request, and the answers of the model before and after."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from client.cli import exits
from client.cli.context import err, out, print_json
from client.cli.demo.server import LocalServer
from client.cli.demo.show import show_answers, show_end, show_heading, show_perplexity, show_questions
from client.cli.demo.worlds import World, world_of
from client.cli.progress import follow
from client.cli.request import pictures_in
from client.cli.tables import show_job
from core.job_states import JobStatus

if TYPE_CHECKING:
    from rich.console import Console

    from client.cli.demo.questions import Question
    from client.job import Job
    from client.lethe import Lethe
    from core.unlearning.reference.stock_model import StockModel

_MAX_TOKENS = 40
_WORDS = 2000
"""Of the text whose perplexity is measured."""


@dataclass(frozen=True)
class Demo:
    """The settings of one run."""

    world: World
    subject: str
    level: str
    sample: Path
    console: Console


def run(output: Path, *, subject: str | None, level: str, pretrained: bool, json: bool) -> int:
    """Run the demo and return the exit status. Every process that it starts has ended when it returns or raises."""
    from core.unlearning import reference

    world = world_of(output, pretrained=pretrained)
    forgotten = subject or world.subjects[0]
    if forgotten not in world.subjects:
        command = f"lethe reference sample {world.name} --list"
        raise exits.CommandError(f"no such person; `{command}` prints all names", exits.USAGE)
    other = next(name for name in world.subjects if name != forgotten)
    output.mkdir(parents=True, exist_ok=True)
    world.prepare()
    started = time.monotonic()
    sample = world.sample(forgotten, output / "request")
    console = err() if json else out()
    demo = Demo(world, forgotten, level, sample, console)
    with _sigterm_raises(), tempfile.TemporaryDirectory(prefix="lethe-demo-") as scratch:
        data_dir = Path(scratch) / "data"
        other_sample = world.sample(other, Path(scratch) / "other")
        with LocalServer(data_dir, output / "server.log", output) as server:
            job, base = _forget_and_compare(demo, server, other_sample)
    show_end(console, output, base, reference.loaded_with(world.name), time.monotonic() - started)
    if json:
        print_json(job)
    return exits.for_job(job)


def _forget_and_compare(demo: Demo, server: LocalServer, other_sample: Path) -> tuple[Job, str]:
    from core.unlearning.reference.stock_model import StockModel

    questions = demo.world.questions(demo.sample, other_sample)
    show_heading(demo.console, f"1. A model that knows {demo.subject}", "(a server is starting beside it)")
    with server.client() as client:
        base = demo.world.register(client)
        # One by one, since batches round otherwise.
        model = StockModel(base, batch=1, max_tokens=_MAX_TOKENS)
        before = model.answers([question.asked() for question in questions])
        show_questions(demo.console, questions, before)
        job = _forget(demo, client)
        show_job(demo.console, job)
        if job.status == JobStatus.SUCCEEDED:
            _ask_again(demo, job, model, questions, before)
        return job, base


def _forget(demo: Demo, client: Lethe) -> Job:
    show_heading(demo.console, f"2. Please forget {demo.subject}", f"POST {client.base_url}/v1/jobs")
    body = json.loads((demo.sample / "request.json").read_text(encoding="utf-8"))
    body["evaluation"] = {**body.get("evaluation", {}), "level": demo.level}
    pictures = demo.sample / "images"
    job = client.jobs.create_from(body, images=pictures_in(pictures) if pictures.is_dir() else [])
    try:
        follow(job)
    except KeyboardInterrupt:
        job.cancel()
        raise
    return job


def _ask_again(demo: Demo, job: Job, model: StockModel, questions: list[Question], before: list[str]) -> None:
    from core.unlearning.patches import bundle

    patch = job.download(demo.world.output / "patch.zip", accept_failed=True)
    (demo.world.output / "report.html").write_text(job.report_html(), encoding="utf-8")
    unpacked = demo.world.output / "patch"
    if (unpacked / "manifest.json").exists():
        shutil.rmtree(unpacked)
    bundle.extract(patch, unpacked)
    show_heading(demo.console, "3. The same questions", "the same model, with the patch put on by stock PEFT")
    perplexity = model.perplexity(_WORDS) if demo.world.measures_perplexity else None
    model.patch(unpacked / "adapter")
    show_answers(demo.console, questions, before, model.answers([question.asked() for question in questions]))
    if perplexity is not None:
        show_perplexity(demo.console, perplexity, model.perplexity(_WORDS))


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Let SIGTERM unwind like an exception, so that the server is stopped."""

    def leave(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
