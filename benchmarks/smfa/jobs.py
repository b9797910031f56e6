"""The standard requests, sent to the service as a user would send them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from client import Lethe
from core.unlearning import reference
from core.unlearning.bench.store import ResultStore
from core.unlearning.reference.mllm.people import STANDARD_REQUESTS, known_people


@dataclass(frozen=True)
class Run:
    """A job to run: the index of a standard request, seed, preset, level and mode."""

    request: int
    seed: int
    preset: str = "default"
    level: str = "standard"
    mode: str = "suppression"

    @property
    def name(self) -> str:
        """The job's folder name."""
        how = self.preset if self.mode == "suppression" else self.mode
        return f"{how}-{self.level}-{len(STANDARD_REQUESTS[self.request])}p-seed{self.seed}"

    @property
    def examples_name(self) -> str:
        """Runs with the same value have the same evaluation examples."""
        return f"{len(STANDARD_REQUESTS[self.request])}p-seed{self.seed}"

    @property
    def subjects(self) -> list[str]:
        """The names of the people to forget."""
        return [known_people()[i].name for i in STANDARD_REQUESTS[self.request]]


@dataclass(frozen=True)
class FinishedJob:
    """A job's outcome: `folder` holds the unpacked `patch.zip`; `seconds` are from the claim to the patch."""

    run: Run
    folder: Path
    seconds: float
    verdict: str


def run_job(client: Lethe, run: Run, work: Path) -> FinishedJob:
    """Submit, wait, download, unpack; or read a finished job back from `work`."""
    folder = work / run.name
    folder.mkdir(parents=True, exist_ok=True)
    state = ResultStore(folder).read_or_measure("job", lambda: _submit(client, run, folder))
    return FinishedJob(run, folder, state["seconds"], state["verdict"])


def _submit(client: Lethe, run: Run, folder: Path) -> dict[str, object]:
    sample = folder / "sample"
    reference.sample("mllm", run.subjects, sample, seed=run.seed)
    request = json.loads((sample / "request.json").read_text())
    preset = {} if run.preset == "default" else {"preset": run.preset}  # a level brings its own
    request["method_options"] = {"seed": run.seed, "mode": run.mode, **preset}
    request["evaluation"] = {"level": run.level}
    job = client.jobs.create_from(request, images=_pictures(sample)).wait(timeout=900)
    if job.status != "succeeded" or job.started_at is None or job.finished_at is None:
        raise RuntimeError(f"{run.name}: {job.status}, {job.error}")
    with zipfile.ZipFile(job.download(folder / "patch.zip", accept_failed=True)) as archive:
        archive.extractall(folder / "patch")
    seconds = (job.finished_at - job.started_at).total_seconds()
    return {**asdict(run), "seconds": seconds, "verdict": job.verdict}


def _pictures(sample: Path) -> Sequence[Path]:
    return sorted((sample / "images").glob("request*")) or sorted((sample / "images").iterdir())
