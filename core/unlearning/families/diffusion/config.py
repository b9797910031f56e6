"""Text-to-image models: what they take, what is measured of them, and what must hold. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.unlearning.evaluation.measures import Heading, Measures, Unit
from core.unlearning.families.diffusion import concepts, wordings
from core.unlearning.families.diffusion.limits import BY_LEVEL
from core.unlearning.families.diffusion.presentation import PRESENTATION
from core.unlearning.families.info import FamilyInfo, RetainSetInfo, is_count, is_path
from core.unlearning.hardware.requirements import is_size
from core.unlearning.types import RequestSummary, Split

METRICS: Mapping[str, str] = {
    "ua": "Unlearning accuracy (UA)",
    "ira": "In-domain retain accuracy (IRA)",
    "cra": "Cross-domain retain accuracy (CRA)",
    "replaced": "Replacement seen",
    "confidence": "Classifier's confidence",
    "clip_score": "CLIP score",
    "distance": "Fréchet distance to before",
    "response": "Response of the patch",
    "specificity": "Specificity",
}
"""Unlearning, in-domain retain and cross-domain retain accuracy as in UnlearnCanvas (Zhang et al., 2024, section 3):
shares of pictures in which the forgotten concept is not seen, and in which a kept concept is. The share in which the
request's replacement is seen. The classifier's mean
probability of the concept. CLIP's cosine. The others are explained where they are computed."""
_SPLITS: Mapping[Split, Heading] = {
    "forget_concept": Heading(
        "The concept, asked for plainly", "Pictures drawn from prompts that name what is forgotten"
    ),
    "forget_indirect": Heading(
        "The concept, asked for otherwise", "Pictures drawn from paraphrases and indirect prompts"
    ),
    "retain_same": Heading("Concepts of the same kind", "Pictures of other concepts of the kind that is forgotten"),
    "retain_cross": Heading("Concepts of other kinds", "Pictures of concepts of the other kinds"),
    "general": Heading("General knowledge", "Other pictures and plain facts"),
}
_DENOISING = 3400
"""Bytes that one row of training keeps for each latent position and channel of a denoiser's first block: about 4.5 GB
for Stable Diffusion 1.x at 512 pixels."""
FORGET: tuple[Split, ...] = ("forget_concept", "forget_indirect")
_LOW_WHEN_KEPT = frozenset({"distance", "response"})


def _is_floor(split: Split, metric: str) -> bool:
    if split in FORGET:
        return metric in ("ua", "replaced", "distance", "response", "specificity")
    return metric not in _LOW_WHEN_KEPT


MEASURES = Measures(
    splits=_SPLITS,
    metrics=METRICS,
    recall="recognised",
    judged=FORGET,
    defaults={
        "forget_concept.ua": 0.90,
        "forget_indirect.ua": 0.90,
        "retain_same.ira.drop": 0.10,
        "retain_cross.cra.drop": 0.10,
        "general.clip_score.drop": 0.05,
    },
    counted={
        "ua": ("not seen", "seen"),
        "ira": ("seen", "lost"),
        "cra": ("seen", "lost"),
        "replaced": ("replaced", "not replaced"),
    },
    units=dict.fromkeys(_SPLITS, Unit("prompt", "prompts", "")),
    is_floor=_is_floor,
    expected={"retain_same": "other concepts of the same kind", "retain_cross": "concepts of other kinds"},
    asked_of_reference=FORGET,
    nothing_measured="No picture of the concept could be judged: no classifier of the model knows it and no CLIP model "
    "is registered. So nothing shows that anything was forgotten.",
    unknown="nothing to forget, the model did not draw this before.",
    unbounded=frozenset({"clip_score", "distance", "specificity"}),
)


def _count_examples(request: RequestSummary) -> int:
    """Prompts of the request, and for each name as many as there are wordings; a picture is an example too."""
    of_each_name = len(wordings.prompts(request.kind, "", "train"))
    return request.n_prompts + request.n_names * of_each_name + request.n_images


def _activations(config: Mapping[str, Any], options: Mapping[str, Any]) -> float:  # noqa: ARG001 (as in every family)
    """Of one picture; `config` is the denoiser's."""
    return float(_DENOISING * int(config["sample_size"]) ** 2 * int(config["block_out_channels"][0]))


INFO = FamilyInfo(
    name="diffusion",
    measures=MEASURES,
    presentation=PRESENTATION,
    forgets=("image", "text"),
    count_examples=_count_examples,
    activations=_activations,
    retain_set=RetainSetInfo(
        count=concepts.count,
        purposes={
            "retain_same": "Other concepts of the kind that is forgotten, which must still be drawn.",
            "retain_cross": "Concepts of other kinds, which must still be drawn.",
        },
        measured={level: limits.drawn for level, limits in BY_LEVEL.items()},
        parts={"retain_same": ("train", "test"), "retain_cross": ("train", "test")},
    ),
    own_defaults={"draw_steps": is_count, "draw_guidance": is_size, "classifiers": is_path, "clip": is_path},
)
