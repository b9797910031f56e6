"""CCU on tiny two-branch classifiers that know their pictures by heart."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import PeftModel
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from core.unlearning.errors import InvalidInputError, StoppedError
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Prediction
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.ccu.config import Options
from core.unlearning.methods.ccu.method import METHOD
from core.unlearning.methods.ccu.stopping import Criterion, refine
from core.unlearning.methods.ccu.tuning import pattern
from core.unlearning.progress import Silent
from core.unlearning.types import Entity, Example, JobData, Split
from tests.support.tiny_classifiers import LABELS, clip, picture, tiny_model, tiny_processor
from tests.support.tiny_dual_encoders import clip as dual_encoder

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
MEMORISING_STEPS = 100
"""So many that the model knows its pictures by a wide margin, however a processor rounds."""
QUICK: dict[str, Any] = {
    "lr": 0.03,
    "batch": 8,
    "keep_batch": 16,
    "epochs": 24,
    "unlearn_weight": 1.0,
    "retention_weight": 0.0,
    "rank": 8,
    "curvature": 0,
}


def _examples(split: Split, places: range, labels: tuple[str, ...] = LABELS) -> tuple[Example, ...]:
    return tuple(Example(split, "", labels[at % len(labels)], picture(at), audio=clip(at)) for at in places)


DATA = JobData(
    train=(*_examples("forget_examples", range(8)), *_examples("retain_examples", range(8, 32))),
    validation=_examples("held_out", range(32, 50)),
    test=(),
)
CLASS = replace(
    DATA,
    train=(*_examples("forget_examples", range(8), ("1",)), *_examples("retain_examples", range(8, 32), ("0", "2"))),
    entity=Entity("1", "class"),
)


def _memorised(data: JobData) -> AudioVisualModel:
    model = AudioVisualModel(tiny_model().requires_grad_(True), tiny_processor(), "tiny")
    batch = model.encode(data.train)
    optimizer = torch.optim.AdamW(model.model.parameters(), lr=5e-3)
    for _ in range(MEMORISING_STEPS):
        loss = model.model(pixel_values=batch.pixel_values, input_values=batch.input_values, labels=batch.labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.model.requires_grad_(False)
    return model


@pytest.fixture(scope="module")
def trained() -> AudioVisualModel:
    return _memorised(DATA)


@pytest.fixture(scope="module")
def trained_on_classes() -> AudioVisualModel:
    return _memorised(CLASS)


def _run(model: AudioVisualModel, folder: Path, data: JobData = DATA, **options: Any) -> MethodResult:
    return METHOD.run(model, data, Options(**{**QUICK, **options}), JobContext(folder))


def _patched(model: AudioVisualModel, adapter: Path, data: JobData) -> tuple[Prediction, Prediction]:
    """Of the training examples and of the held-out ones, by stock PEFT."""
    loaded = PeftModel.from_pretrained(model.model, adapter).eval()
    try:
        whole = replace(model, model=loaded)
        return whole.predict(data.train), whole.predict(data.validation)
    finally:
        loaded.unload()
        vars(model.model).pop("peft_config", None)


def _losses(visual: Any, examples: tuple[Example, ...]) -> NDArray[np.float64]:
    """CE by numpy."""
    log_p = log_softmax(visual.double().numpy(), axis=1)
    return np.array([-log_p[n, LABELS.index(e.answer)] for n, e in enumerate(examples)])


def _auc(losses: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    return float(roc_auc_score([1] * len(losses) + [0] * len(others), [*-losses, *-others]))


def _margin(forgotten: NDArray[np.float64], unseen: NDArray[np.float64], expected: float) -> float:
    """The mean's, or that of the AUC of telling them apart."""
    return max(float(forgotten.mean() - unseen.mean()), expected - _auc(forgotten, unseen))


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_subject_is_forgotten_as_far_as_what_was_never_seen(
    trained: AudioVisualModel, tmp_path: Path, tuning: str
) -> None:
    before, weights = trained.predict(DATA.train), {k: v.clone() for k, v in trained.model.state_dict().items()}
    result = _run(trained, tmp_path, tuning=tuning)
    after, unseen = _patched(trained, result.adapter, DATA)
    assert before.visual_logits is not None
    assert after.visual_logits is not None
    forgotten = DATA.train[:8]
    others = _losses(unseen.visual_logits, DATA.validation)
    learned = _losses(before.visual_logits, DATA.train)
    expected = _auc(learned[:8], learned[8:])
    assert _margin(learned[:8], others, expected) < -0.1
    assert result.details["stop_reason"] == "criterion"
    assert _margin(_losses(after.visual_logits[:8], forgotten), others, expected) > -1e-4
    assert after.audio_logits is not None
    assert torch.equal(after.audio_logits, before.audio_logits)  # type: ignore[arg-type]
    assert result.details["fidelity_error"] < 1e-5
    assert set(weights) == set(trained.model.state_dict())
    assert all(torch.equal(value, weights[name]) for name, value in trained.model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in trained.model.parameters())


@pytest.mark.slow
def test_the_report_says_what_it_took(trained: AudioVisualModel, tmp_path: Path) -> None:
    details = _run(trained, tmp_path, epochs=2, unlearn_weight=0.0, trained_epochs=60, curvature=10).details
    assert details["stop_reason"] == "max_passes"
    assert details["steps"] == len(details["losses"]["ccu"]) == 2
    assert details["sample_passes"] == 10 + 2 * (8 + 16) - 8, (
        "the second batch of a pass of 24 holds what is left of it"
    )
    assert details["forward_passes"] == 8 + 24 + 3 * (8 + 18) + 2 * (8 + 16) - 8
    cost = details["sample_passes"] + details["forward_passes"] / 3
    assert details["share_of_training_set"] == pytest.approx(cost / 32, abs=1e-4)
    assert details["share_of_retraining"] == pytest.approx(cost / (32 * 60), abs=1e-5)


@pytest.mark.slow
def test_a_class_is_forgotten_down_to_a_part_of_chance(trained_on_classes: AudioVisualModel, tmp_path: Path) -> None:
    result = _run(trained_on_classes, tmp_path, CLASS, chance=0.2)
    after, _ = _patched(trained_on_classes, result.adapter, CLASS)
    assert after.visual_logits is not None
    right = [row.argmax() == 1 for row in after.visual_logits[:8]]
    assert np.mean(right) <= 0.2 / 3
    assert result.details["stop_reason"] == "criterion"
    named = _run(trained_on_classes, tmp_path, replace(CLASS, entity=Entity("somebody"))).details
    assert named["margins"] == result.details["margins"], "a label that leaves as a whole is a class, whatever its kind"


@pytest.mark.slow
def test_without_freezing_consistency_holds_what_is_heard(trained: AudioVisualModel, tmp_path: Path) -> None:
    """Labels that are not those the model learned pull at both sides."""
    wrong = tuple(replace(e, answer=LABELS[(LABELS.index(e.answer) + 1) % 3]) for e in DATA.train[8:])
    before = trained.predict(DATA.train).audio_logits
    moved = {}
    for weight in (0.0, 30.0):
        options = {"freeze_other": False, "consistency_weight": weight, "epochs": 24, "unlearn_weight": 0.0, "lr": 0.01}
        options |= {"check_every": 24, "refine": 0}
        result = _run(trained, tmp_path / str(weight), replace(DATA, train=DATA.train[:8] + wrong), **options)
        after = _patched(trained, result.adapter, DATA)[0].audio_logits
        assert before is not None
        assert after is not None
        moved[weight] = float((after - before).abs().mean())
    assert 0 < moved[30.0] < 0.5 * moved[0.0]


@pytest.mark.slow
@pytest.mark.parametrize(("tuning", "lr"), [("lora", 0.01), ("full", 0.001)])
def test_retention_holds_what_is_seen_in_kept_pictures(
    trained: AudioVisualModel, tmp_path: Path, tuning: str, lr: float
) -> None:
    keep = DATA.train[8:]
    before = trained.predict(keep).visual_logits
    moved = {}
    for weight in (0.0, 30.0):
        steps: dict[str, Any] = {"epochs": 12, "check_every": 12, "refine": 0}
        result = _run(trained, tmp_path / str(weight), retention_weight=weight, tuning=tuning, lr=lr, **steps)
        after = _patched(trained, result.adapter, DATA)[0].visual_logits
        assert before is not None
        assert after is not None
        moved[weight] = float((after[8:] - before).abs().mean())
    assert 0 < moved[30.0] < 0.7 * moved[0.0]


@pytest.mark.slow
def test_the_texts_of_a_dual_encoder_stay(tmp_path: Path) -> None:
    model = dual_encoder()
    train = (
        *_examples("forget_examples", range(6), ("bob", "pat")),
        *_examples("retain_examples", range(6, 18), ("bob", "pat")),
    )
    data = JobData(train=train, validation=_examples("held_out", range(18, 24), ("bob", "pat")), test=())
    texts, before = model.text_embeds.clone(), model.predict(train).visual_embeds
    result = _run(model, tmp_path, data, epochs=2)
    loaded = PeftModel.from_pretrained(model.model, result.adapter).eval()
    whole = replace(model, model=loaded)
    assert torch.equal(whole.text_embeds, texts)
    after = whole.predict(train).visual_embeds
    assert after is not None
    assert before is not None
    assert not torch.allclose(after, before)


class _Stopping(Silent):
    def step(self, *, loss: float | None = None) -> None:
        raise StoppedError


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_stopped_job_leaves_the_model_as_it_was(trained: AudioVisualModel, tmp_path: Path, tuning: Any) -> None:
    weights = {k: v.clone() for k, v in trained.model.state_dict().items()}
    with pytest.raises(StoppedError):
        METHOD.run(trained, DATA, Options(tuning=tuning), JobContext(tmp_path, _Stopping()))
    assert list(weights) == list(trained.model.state_dict())
    assert all(torch.equal(value, weights[name]) for name, value in trained.model.state_dict().items())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (replace(DATA, train=DATA.train[8:]), "nothing_to_forget"),
        (
            replace(DATA, train=tuple(replace(e, image=None) for e in DATA.train[:8]) + DATA.train[8:]),
            "nothing_to_forget",
        ),
        (replace(DATA, train=DATA.train[:8]), "retain_set_too_small"),
        (replace(DATA, validation=()), "retain_set_too_small"),
    ],
    ids=["nothing", "no picture", "nothing to keep", "nothing held out"],
)
def test_requests_that_cannot_be_served(data: JobData, code: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as error:
        _run(AudioVisualModel(tiny_model(), tiny_processor()), tmp_path, data)
    assert error.value.code == code


def test_full_tuning_wants_linear_layers(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="linear"):
        _run(AudioVisualModel(tiny_model("resnet"), tiny_processor()), tmp_path, tuning="full")


class _Until(Criterion):
    """Met once the parameter is at least 3."""

    def __init__(self, parameter: torch.nn.Parameter) -> None:
        self.parameter = parameter

    def margin(self) -> float:
        return float(self.parameter) - 3


def test_refining_goes_back_to_where_the_criterion_is_just_met() -> None:
    parameter = torch.nn.Parameter(torch.tensor(9.0))
    assert refine([torch.tensor(1.0)], [parameter], _Until(parameter), 10) == pytest.approx(0.25, abs=2**-10)
    assert 3 <= float(parameter.detach()) < 3.01
    parameter = torch.nn.Parameter(torch.tensor(9.0))
    assert refine([torch.tensor(1.0)], [parameter], _Until(parameter), 0) == 1
    assert float(parameter.detach()) == 9


def test_one_pattern_finds_the_layers_and_no_others() -> None:
    targets = AudioVisualModel(tiny_model(), tiny_processor()).visual_targets()
    found = [n for n, _ in tiny_model().named_modules() if re.fullmatch(pattern(targets), n)]
    assert sorted(found) == sorted(targets)
    assert len(pattern(targets)) < 60 * len(targets) / 2
