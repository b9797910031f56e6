"""Training that is stopped and taken up again by a process that knows nothing but what was kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from core.job_states import Phase
from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.errors import StoppedError
from core.unlearning.families.language.model.generate import generate
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import load_family
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.method import METHOD
from core.unlearning.progress import Silent
from core.unlearning.types import Entity, ForgetRequest, JobData, ModelSpec
from tests.support.tiny_models import taken_as_known
from tests.support.tiny_multimodal_models import save

pytestmark = pytest.mark.slow
STEPS, ANCHOR_STEPS = 4, 3
OPTIONS = Options.model_validate(
    {"steps": STEPS, "anchor_steps": ANCHOR_STEPS, "batch": 2, "anchor_batch": 3, "rank": 4, "lr": 1e-2, "dropout": 0.1}
)


@pytest.fixture(scope="module", autouse=True)
def _known() -> Iterator[None]:
    with taken_as_known():
        yield


class Kept(dict[str, bytes]):
    """Checkpoints in memory. `due` at every step, and when the job is stopped if it is `handed_back`."""

    def __init__(self, *, every_step: bool) -> None:
        super().__init__()
        self.every_step = every_step

    def load(self, name: str) -> bytes | None:
        return self.get(name)

    def save(self, name: str, data: bytes) -> None:
        self[name] = data

    def due(self) -> bool:
        return self.every_step


class Counting(Silent):
    """Stops at the given step of training, or never."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.step_at_start, self.steps = stop_at, 0, 0
        self.where: Phase | None = None

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        self.where = phase
        if phase == "training":
            self.step_at_start = done

    def step(self, *, loss: float | None = None) -> None:
        if self.where == "training":
            self.steps += 1
            if self.step_at_start + self.steps == self.stop_at:
                raise StoppedError


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save("llava", tmp_path_factory.mktemp("base")))


def png(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (30, 30), colour).save(data, "PNG")
    return data.getvalue()


def job(source: str, kept: Checkpoints) -> tuple[LanguageModel, JobData]:
    """The model and its examples, as a process that has just begun makes them."""
    lm = load_family("mllm").load(ModelSpec("tiny", "mllm", source))
    lm.max_new_tokens = 4
    images = tuple(map(png, ("red", "green", "blue", "orange")))
    request = ForgetRequest(Entity("Ada Okoro"), ("Where was this person born?",), images, level="quick")
    with load_family("mllm").caching_answers(lm, kept, Silent(), "data"):
        return lm, load_family("mllm").build_data(lm, request, None, Silent(), 0)


def run(source: str, workdir: Path, kept: Checkpoints, progress: Counting) -> MethodResult:
    lm, data = job(source, kept)
    torch.rand(7)  # another process is elsewhere in the stream of random numbers
    return METHOD.run(lm, data, OPTIONS, JobContext(workdir, progress, kept))


def assert_same(one: MethodResult, other: MethodResult) -> None:
    assert one.details["steps"] == other.details["steps"] == {"mfa_joint": STEPS, "ra": ANCHOR_STEPS}
    for name, losses in one.details["losses"].items():
        assert losses == pytest.approx(other.details["losses"][name], abs=1e-4)
    assert one.recipe is not None
    assert other.recipe is not None
    for file in sorted(one.recipe.rglob("*.safetensors")):
        mine, theirs = load_file(file), load_file(other.recipe / file.relative_to(one.recipe))
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            torch.testing.assert_close(tensor, theirs[name], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def undisturbed(source: str, tmp_path_factory: pytest.TempPathFactory) -> MethodResult:
    return run(source, tmp_path_factory.mktemp("undisturbed"), NO_CHECKPOINTS, Counting())


@pytest.mark.parametrize("stop_at", [3, STEPS, STEPS + 2])
def test_training_goes_on_at_its_step_and_comes_to_the_same_end(
    stop_at: int, source: str, tmp_path: Path, undisturbed: MethodResult
) -> None:
    kept = Kept(every_step=True)
    with pytest.raises(StoppedError):
        run(source, tmp_path / "first", kept, Counting(stop_at))
    progress = Counting()
    resumed = run(source, tmp_path / "second", kept, progress)
    assert (progress.step_at_start, progress.steps) == (stop_at, STEPS + ANCHOR_STEPS - stop_at)
    assert_same(resumed, undisturbed)


def test_a_process_that_is_killed_loses_what_came_after_the_last_checkpoint(
    source: str, tmp_path: Path, undisturbed: MethodResult
) -> None:
    kept = Kept(every_step=False)
    with pytest.raises(StoppedError):
        run(source, tmp_path / "first", kept, Counting(STEPS + 1))
    progress = Counting()
    assert_same(run(source, tmp_path / "second", kept, progress), undisturbed)
    assert (progress.step_at_start, progress.steps) == (STEPS, ANCHOR_STEPS)


def test_what_was_asked_is_not_asked_again(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(every_step=False)
    _, first = job(source, kept)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the model was asked again")

    monkeypatch.setattr("transformers.generation.utils.GenerationMixin.generate", refuse)
    _, again = job(source, kept)
    assert [(e.split, e.question, e.answer) for e in first.train] == [
        (e.split, e.question, e.answer) for e in again.train
    ]


def test_the_same_question_put_in_another_way_is_asked(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = load_family("mllm").load(ModelSpec("tiny", "mllm", source))
    usual, ways = lm.model.generate, []

    def noted(**how: Any) -> Any:
        ways.append((how["max_new_tokens"], how["begin_suppress_tokens"]))
        return usual(**how)

    monkeypatch.setattr(lm.model, "generate", noted)
    with load_family("mllm").caching_answers(lm, NO_CHECKPOINTS, Silent(), "data"):
        for _ in range(2):
            for lm.max_new_tokens in (1, 4):
                generate(lm, [("Where?", None)])
                generate(lm, [("Where?", None)], never_first=[7])
    assert ways == [(1, None), (1, [7]), (4, None), (4, [7])]


def test_what_cannot_be_read_is_as_if_it_were_not_there(source: str, tmp_path: Path) -> None:
    kept = Kept(every_step=True)
    with pytest.raises(StoppedError):
        run(source, tmp_path / "first", kept, Counting(2))
    for name in kept:
        kept[name] = b"\x10\0\0\0\0\0\0\0" + b'{"a": 1}        '
    progress = Counting(2)
    with pytest.raises(StoppedError):
        run(source, tmp_path / "second", kept, progress)
    assert progress.step_at_start == 0


def test_other_options_begin_anew(source: str, tmp_path: Path) -> None:
    kept = Kept(every_step=True)
    with pytest.raises(StoppedError):
        run(source, tmp_path / "first", kept, Counting(2))
    lm, data = job(source, kept)
    progress = Counting(1)
    with pytest.raises(StoppedError):
        METHOD.run(lm, data, OPTIONS.model_copy(update={"lr": 2e-2}), JobContext(tmp_path / "second", progress, kept))
    assert progress.step_at_start == 0


def test_nothing_that_was_kept_is_a_pickle(source: str, tmp_path: Path) -> None:
    kept = Kept(every_step=True)
    with pytest.raises(StoppedError):
        run(source, tmp_path / "first", kept, Counting(STEPS + 1))
    assert {"data", "targets", "training-mfa_joint", "training-ra"} <= set(kept)
    for data in kept.values():
        json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
