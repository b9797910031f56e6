"""What is measured of classifiers, against scikit-learn and hand-made cases; and the patch as PEFT loads it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from core.unlearning.errors import IneffectivePatchError, UnlearningError
from core.unlearning.families.audiovisual.evaluation import numbers
from core.unlearning.families.audiovisual.evaluation.compare import beside_reference, compared
from core.unlearning.families.audiovisual.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.audiovisual.evaluation.members import attack_membership
from core.unlearning.families.audiovisual.evaluation.relearn import STEPS, relearn_steps
from core.unlearning.families.audiovisual.evaluation.results import ClassifierEvaluation, ClassifierMetrics, Outputs
from core.unlearning.families.audiovisual.family import FAMILY
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.patches import adapter_check, archive
from core.unlearning.progress import Silent
from core.unlearning.types import Example, Level, Split
from tests.support.tiny_classifiers import LABELS, clip, picture, tiny_model, tiny_processor

RNG = np.random.default_rng(0)


class Counting(Silent):
    """How often a step was made."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, *, loss: float | None = None) -> None:
        self.steps += 1


def outputs(n: int = 40, classes: int = 5, seed: int = 0) -> Outputs:
    rng = np.random.default_rng(seed)
    visual, audio = rng.normal(size=(2, n, classes))
    there = np.ones(n, dtype=bool)
    return Outputs(rng.integers(0, classes, n), there, there, visual + audio, visual, audio, rng.normal(size=(n, 6)))


def told(seed: int = 0) -> list[Example]:
    """Some of each split, with and without a modality."""
    counts: dict[Split, int] = {"forget_examples": 70, "forget_held_out": 25, "retain_examples": 66, "held_out": 30}
    made = [(split, at) for split, count in counts.items() for at in range(count)]
    return [
        Example(split, "", LABELS[at % 3], picture(1000 * seed + n), "Ada Fern", audio=clip(n) if at % 4 else None)
        for n, (split, at) in enumerate(made)
    ]


@pytest.fixture(scope="module")
def model() -> AudioVisualModel:
    return AudioVisualModel(tiny_model(), tiny_processor())


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return told()


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_accuracies_and_loss_are_scikit_learn_s() -> None:
    found = outputs()
    metrics = numbers.split_metrics(found)
    assert found.visual is not None
    assert found.audio is not None
    assert metrics.accuracy == accuracy_score(found.labels, found.fused.argmax(1))
    assert metrics.visual_accuracy == accuracy_score(found.labels, found.visual.argmax(1))
    assert metrics.audio_accuracy == accuracy_score(found.labels, found.audio.argmax(1))
    assert metrics.visual_loss == pytest.approx(log_loss(found.labels, softmax(found.visual), labels=range(5)), 1e-12)


def test_what_lacks_a_picture_or_a_known_label_counts_for_neither() -> None:
    found = outputs()
    seen, labels = found.has_image.copy(), found.labels.copy()
    seen[:10], labels[-5:] = False, -1
    metrics = numbers.split_metrics(replace(found, has_image=seen, labels=labels))
    assert found.visual is not None
    assert (metrics.count, metrics.known) == (40, 35)
    assert metrics.visual_accuracy == accuracy_score(labels[10:-5], found.visual[10:-5].argmax(1))
    deaf = numbers.split_metrics(replace(found, audio=None, has_audio=np.zeros(40, dtype=bool)))
    assert deaf.audio_accuracy is None
    assert numbers.split_metrics(replace(found, visual=None, embeds=None)).visual_loss is None


def test_members_are_the_forgotten_and_non_members_of_the_same_subject() -> None:
    splits: dict[Split, Outputs] = {
        "forget_examples": outputs(40, seed=1), "forget_held_out": outputs(30, seed=2), "held_out": outputs(90, seed=3),
    }  # fmt: skip
    found = attack_membership(splits, 0)
    assert found is not None
    assert found.non_members == "forget_held_out"
    scores = [
        -numbers.visual_loss(_only(splits[s], n))
        for s in ("forget_examples", "forget_held_out")
        for n in range(len(splits[s].labels))
    ]  # type: ignore[operator, index]
    assert found.plain.auc == pytest.approx(roc_auc_score([1] * 40 + [0] * 30, scores), abs=1e-12)
    assert found.plain.low < found.plain.auc < found.plain.high
    assert abs(found.strongest.membership.auc - 0.5) >= abs(found.plain.auc - 0.5)


def _only(found: Outputs, at: int) -> Outputs:
    def one(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[at : at + 1]

    return Outputs(
        *(
            one(getattr(found, name))
            for name in ("labels", "has_image", "has_audio", "fused", "visual", "audio", "embeds")
        )
    )  # type: ignore[arg-type]


def test_with_too_few_of_the_subject_others_of_the_same_labels_are_non_members() -> None:
    members, others = outputs(40, seed=1), outputs(200, seed=3)
    members = replace(members, labels=np.where(members.labels < 2, members.labels, 0))
    few: dict[Split, Outputs] = {
        "forget_examples": members, "forget_held_out": outputs(6, seed=2), "held_out": others,
    }  # fmt: skip
    found = attack_membership(few, 0)
    assert found is not None
    assert found.non_members == "held_out"
    assert found.plain.non_members == int((others.labels < 2).sum())
    assert attack_membership({"forget_examples": members}, 0) is None
    assert attack_membership({"held_out": others}, 0) is None


def evaluation(**splits: Outputs) -> ClassifierEvaluation:
    metrics = {split: numbers.split_metrics(found) for split, found in splits.items()}
    return ClassifierEvaluation("quick", metrics, 5, outputs=splits)  # type: ignore[arg-type]


def test_nearness_to_a_reference() -> None:
    mine, its = outputs(seed=1), outputs(seed=2)
    near = beside_reference(evaluation(forget_examples=mine), evaluation(forget_examples=its)).splits["forget_examples"]
    assert mine.visual is not None
    assert its.visual is not None
    p, q = softmax(its.visual), softmax(mine.visual)
    m = (p + q) / 2
    assert near.agreement == (p.argmax(1) == q.argmax(1)).mean()
    assert near.kl == pytest.approx((p * np.log(p / q)).sum(1).mean(), 1e-12)
    assert near.js == pytest.approx(((p * np.log(p / m)).sum(1) + (q * np.log(q / m)).sum(1)).mean() / 2, 1e-12)
    assert near.cka is not None
    assert 0 < near.cka < 1
    same = beside_reference(evaluation(forget_examples=mine), evaluation(forget_examples=mine)).splits[
        "forget_examples"
    ]
    assert (same.agreement, same.kl, same.js) == (1.0, 0.0, 0.0)
    assert same.cka == pytest.approx(1.0)
    missing = beside_reference(evaluation(forget_examples=mine), evaluation(held_out=its)).splits["forget_examples"]
    assert missing.agreement is None


def test_a_patch_that_changes_nothing_that_is_seen_is_no_patch() -> None:
    before = evaluation(forget_examples=outputs())
    heard = replace(outputs(), audio=outputs().fused)
    with pytest.raises(IneffectivePatchError):
        compared(before, evaluation(forget_examples=heard))
    assert outputs().visual is not None
    seen = replace(outputs(), visual=outputs().fused)
    assert compared(before, evaluation(forget_examples=seen)).splits["forget_examples"].audio_change == 0.0


@pytest.mark.parametrize("level", ["quick", "standard", "thorough"])
def test_progress_is_as_long_as_announced(model: AudioVisualModel, examples: Sequence[Example], level: Level) -> None:
    progress = Counting()
    found = evaluate(model, examples, level=level, progress=progress)
    assert progress.steps == evaluation_steps(examples, level) == 2 + 1 + 2 + 1 + (level == "thorough")
    assert list(found.splits) == ["forget_examples", "forget_held_out", "retain_examples", "held_out"]
    assert (found.value("forget_examples", "relearn_steps") is not None) == (level == "thorough")
    assert found.classes == 3
    assert set(found.beside("forget_examples")) == {"classes", "membership_interval", "membership"}


def test_an_evaluation_travels_between_processes(model: AudioVisualModel, examples: Sequence[Example]) -> None:
    found = evaluate(model, examples, level="quick", progress=Silent())
    there = pickle.loads(pickle.dumps(found))
    assert there == found
    assert np.array_equal(there.outputs["held_out"].fused, found.outputs["held_out"].fused)


def test_nothing_of_the_examples_is_told(model: AudioVisualModel, examples: Sequence[Example]) -> None:
    assert "Ada" not in repr(evaluate(model, examples, level="quick", progress=Silent()))


def test_relearning_counts_steps_and_leaves_the_model_as_it_was(model: AudioVisualModel) -> None:
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    forgotten = [e for e in told() if e.split == "forget_examples"][:8]
    loss = numbers.visual_loss(evaluate(model, forgotten, level="quick", progress=Silent()).outputs["forget_examples"])
    assert loss is not None
    assert relearn_steps(model, forgotten, loss) == 0
    assert relearn_steps(model, forgotten, 0.0) == STEPS
    some = relearn_steps(model, forgotten, loss * 0.49)
    assert some is not None
    assert 0 < some < STEPS
    assert relearn_steps(model, [replace(e, image=None) for e in forgotten], 1.0) is None
    after = model.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(p.grad is None for p in model.model.parameters())


def patch(folder: Path, model: AudioVisualModel, *, strength: float = 1.0, vision: str = "vit") -> Path:
    """A LoRA on the visual layers, written by stock PEFT."""
    torch.manual_seed(0)
    config = LoraConfig(r=2, lora_alpha=2, target_modules=model.visual_targets(), init_lora_weights=False)
    patched = get_peft_model(tiny_model(vision), config)
    with torch.no_grad():
        for name, parameter in patched.named_parameters():
            if "lora_B" in name:
                parameter.mul_(strength)
    patched.save_pretrained(folder)
    return folder


def test_the_packed_patch_changes_what_is_seen_and_nothing_that_is_heard(
    model: AudioVisualModel, examples: Sequence[Example], tmp_path: Path
) -> None:
    adapter = patch(tmp_path / "adapter", model)
    weights = {name: value.clone() for name, value in model.model.state_dict().items()}
    before = FAMILY.evaluate(model, examples, level="quick", progress=Silent())
    FAMILY.check_effect(adapter)
    after = FAMILY.evaluate_packed(model, adapter, examples, level="quick", progress=Silent())
    both = FAMILY.compared(before, after)
    for split in both.splits:
        assert both.value(split, "audio_change") == 0.0
        assert both.value(split, "audio_accuracy") == before.value(split, "audio_accuracy")
    change = np.abs(after.outputs["held_out"].visual - before.outputs["held_out"].visual).max()  # type: ignore[operator]
    assert change > 1e-3
    left = model.model.state_dict()
    assert weights.keys() == left.keys()
    assert all(torch.equal(value, left[name]) for name, value in weights.items())


def test_an_encoder_of_convolutions_has_a_patch_that_is_checked_too(
    examples: Sequence[Example], tmp_path: Path
) -> None:
    model = AudioVisualModel(tiny_model("resnet"), tiny_processor())
    adapter = patch(tmp_path / "adapter", model, vision="resnet")
    FAMILY.check_effect(adapter)
    with pytest.raises(IneffectivePatchError):
        FAMILY.check_effect(patch(tmp_path / "zeros", model, strength=0.0, vision="resnet"))
    before = FAMILY.evaluate(model, examples, level="quick", progress=Silent())
    FAMILY.compared(before, FAMILY.evaluate_packed(model, adapter, examples, level="quick", progress=Silent()))
    files = [(name, adapter / name) for name in ("adapter_config.json", "adapter_model.safetensors")]
    archive.write(tmp_path / "patch.zip", files)
    with archive.Archive(tmp_path / "patch.zip") as opened, opened.open(files[1][0]) as weights:
        found = adapter_check.check(opened.read(files[0][0]), weights)
    assert found.effective
    assert found.modules == len(model.visual_targets())


def test_a_patch_of_zeros_and_one_for_another_model_are_refused(
    model: AudioVisualModel, examples: Sequence[Example], tmp_path: Path
) -> None:
    with pytest.raises(IneffectivePatchError):
        FAMILY.check_effect(patch(tmp_path / "zeros", model, strength=0.0))
    adapter = patch(tmp_path / "other", model)
    other = AudioVisualModel(tiny_model(vision="convnext"), tiny_processor())
    with pytest.raises((UnlearningError, ValueError)):
        FAMILY.evaluate_packed(other, adapter, examples, level="quick", progress=Silent())


def test_metrics_of_an_empty_evaluation_are_none() -> None:
    nothing = ClassifierEvaluation("quick", {"held_out": ClassifierMetrics(0, 0)}, 3)
    assert nothing.value("held_out", "accuracy") is None
    assert nothing.value("forget_examples", "accuracy") is None
    assert not nothing.measured("held_out")
