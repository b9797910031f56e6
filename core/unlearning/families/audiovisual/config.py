"""Classifiers of pictures and sounds: what they take, what is measured of them, and what must hold. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.unlearning.evaluation.measures import Heading, Measures, StandIn
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.families.audiovisual.counting import MEASURED, count, count_rows
from core.unlearning.families.audiovisual.presentation import PRESENTATION
from core.unlearning.families.info import ORACLE, FamilyInfo, RetainSetInfo, are_paths
from core.unlearning.hardware.requirements import layer_activations
from core.unlearning.types import EntityKind, RequestSummary, Split

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy, both together",
    "visual_accuracy": "Accuracy by the picture",
    "audio_accuracy": "Accuracy by the sound",
    "visual_loss": "Loss by the picture",
    "membership_auc": "Membership AUC",
    "membership_tpr": "Members found at 1 % false alarms",
    "membership_worst": "Membership AUC, strongest attack",
    "agreement": "Agreement with the reference",
    "js": "JS divergence from the reference",
    "kl": "KL divergence from the reference",
    "cka": "CKA with the reference",
    "audio_change": "Largest change of a logit of a sound",
    "relearn_steps": "Steps until relearned",
}
_SPLITS: Mapping[Split, Heading] = {
    "forget_examples": Heading("What is forgotten", "Training examples of the subject or class"),
    "forget_held_out": Heading("The same subject, never trained on", "Held-out examples of what is forgotten"),
    "retain_examples": Heading("Other training examples", "Examples that the model was trained on and should keep"),
    "held_out": Heading("Others, never trained on", "Held-out examples of everyone and everything else"),
}
FORGET: tuple[Split, ...] = ("forget_examples", "forget_held_out")
KEPT: tuple[Split, ...] = ("retain_examples", "held_out")
ENOUGH = 20
"""Held-out pictures of the subject that say how well such pictures are told."""
_LOW_WHEN_KEPT = frozenset({"visual_loss", "js", "kl", "audio_change", "membership_tpr"})
_LOW_WHEN_FORGOTTEN = frozenset({"accuracy", "visual_accuracy", "membership_auc", "membership_worst"})
_Z95 = 1.96


def _is_floor(split: Split, metric: str) -> bool:
    return metric not in _LOW_WHEN_KEPT and not (split in FORGET and metric in _LOW_WHEN_FORGOTTEN)


def _stand_in(before: Evaluated, after: Evaluated, kind: EntityKind, split: Split, metric: str) -> StandIn | None:
    if split == "forget_examples" and metric == "membership_auc":
        return _coin(after)
    if split not in FORGET or metric != "visual_accuracy":
        return None
    if kind == "class":
        return StandIn(
            0.0, 1 / before.beside(split)["classes"], "a model that never saw the class, chance being allowed"
        )
    if split == "forget_held_out":
        value = before.value(split, metric)
        return None if value is None else StandIn(value, 0.0, "the unchanged model, which never learned these")
    return _held_out(before)


def _coin(after: Evaluated) -> StandIn | None:
    interval = after.beside("forget_examples").get("membership_interval")
    return None if interval is None else StandIn(0.5, (interval[1] - interval[0]) / 2, "a guess, within its interval")


def _held_out(before: Evaluated) -> StandIn | None:
    """How well the unchanged model tells what it was never trained on, as one that never saw the subject would."""
    same, others = before.splits.get("forget_held_out"), before.splits.get("held_out")
    is_same = same is not None and same.known >= ENOUGH
    split: Split = "forget_held_out" if is_same else "held_out"
    value, counted = before.value(split, "visual_accuracy"), same if is_same else others
    forgotten = before.splits.get("forget_examples")
    if value is None or counted is None or forgotten is None:
        return None
    # Agresti & Coull (1998): two successes and two failures more, so that a share of 1 has a width too.
    share = (value * counted.known + 2) / (counted.known + 4)
    slack = _Z95 * math.sqrt(share * (1 - share) * (1 / counted.known + 1 / max(1, forgotten.known)))
    whose = "of the same subject" if is_same else "of others"
    return StandIn(value, slack, f"the unchanged model on held-out examples {whose}")


MEASURES = Measures(
    splits=_SPLITS,
    metrics=METRICS,
    recall="visual_accuracy",
    judged=("forget_examples",),
    defaults={
        "forget_examples.visual_accuracy.gap": 0.04,
        "forget_examples.membership_auc.gap": 0.03,
        "forget_held_out.visual_accuracy.gap": 0.10,
        "forget_examples.audio_accuracy.drop": 0.005,
        "forget_held_out.audio_accuracy.drop": 0.01,
        "retain_examples.accuracy.drop": 0.02,
        "held_out.accuracy.drop": 0.02,
        "held_out.visual_accuracy.drop": 0.05,
        "held_out.audio_accuracy.drop": 0.01,
    },
    is_floor=_is_floor,
    expected={"forget_held_out": "held-out examples of the subject", "held_out": "held-out examples of others"},
    nothing_measured="No picture of the subject has a label that the model knows, so nothing shows that anything was "
    "forgotten.",
    unknown="nothing to forget, the model did not tell these before.",
    unbounded=frozenset(
        {"visual_loss", "membership_auc", "membership_worst", "js", "kl", "cka", "audio_change", "relearn_steps"}
    ),
    # Whether a class is told is what such a request is about, not whose picture was among many of it.
    unless_kind={"class": frozenset({"forget_examples.membership_auc.gap"})},
    reference_may_know=True,
    stand_in=_stand_in,
    asked_of_reference=(*FORGET, *KEPT),
)


def _count_examples(request: RequestSummary) -> int:
    """At most this many: a picture that is one of the registered rows is not counted twice by the job itself."""
    return request.n_rows + request.n_images + request.n_audio


def _activations(config: Mapping[str, Any], options: Mapping[str, Any]) -> float:
    """Of the pictures that a step compares with each other: these cannot be halved when memory runs out. In float32."""
    rows = int(options.get("batch") or 1) + int(options.get("keep_batch") or 0)
    vision = config["vision_config"]
    sizes = vision.get("hidden_sizes")
    width, layers = (
        (max(sizes), sum(vision["depths"])) if sizes else (vision["hidden_size"], vision["num_hidden_layers"])
    )
    patches = (int(vision.get("image_size") or 224) // int(vision.get("patch_size") or 16)) ** 2
    return 2 * layer_activations(rows * (patches + 1), int(width), int(layers))


INFO = FamilyInfo(
    name="audiovisual",
    measures=MEASURES,
    presentation=PRESENTATION,
    forgets=("image",),
    count_examples=_count_examples,
    activations=_activations,
    retain_set=RetainSetInfo(
        count=count,
        purposes={
            "retain_examples": "The examples that the model was trained on: some are forgotten, the others kept.",
            "held_out": "Examples that it was never trained on: what a model does that never saw the forgotten ones.",
        },
        measured=MEASURED,
        parts={"retain_examples": ("train",), "held_out": ("validation", "test")},
        measured_part={"retain_examples": "train"},
    ),
    own_defaults={ORACLE: are_paths},
    uses_sounds=True,
    uses_prompts=False,
    count_rows=count_rows,
)
