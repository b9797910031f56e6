"""Multimodal language models: what they take, what is measured of them, and what must hold. Free of torch."""

from __future__ import annotations

from core.unlearning.evaluation.measures import Measures
from core.unlearning.families.info import FamilyInfo
from core.unlearning.families.mllm.data import bank, limits
from core.unlearning.families.mllm.evaluation.results import METRICS
from core.unlearning.types import Brought, Split

_FORGET: tuple[Split, ...] = ("forget_image_memory", "forget_text_memory")
_MEMORY: tuple[Split, ...] = ("retain_image_memory", "retain_text_memory", "unseen_image_memory", "unseen_text_memory")
_VISIBLE: tuple[Split, ...] = ("forget_understanding", "retain_understanding", "stranger_understanding")
_KEPT = (*_MEMORY, *_VISIBLE, "general")
_AT_LEAST = frozenset({"refusal_rate", "truth_ratio"})
"""Of a forgotten memory, these must be high; of everything else they must be low, or high, as `_is_floor` says."""
_BETTER_LOW_WHEN_KEPT = frozenset({"refusal_rate", "gibberish_rate", "membership_auc"})


def _is_floor(split: Split, metric: str) -> bool:
    if split in _FORGET:
        return metric in _AT_LEAST
    if split == "declined":
        return metric == "refusal_rate"
    return metric not in _BETTER_LOW_WHEN_KEPT


MEASURES = Measures(
    metrics=METRICS,
    recall="exact",
    judged=_FORGET,
    defaults={
        **{f"{split}.exact": 0.05 for split in _FORGET},
        **{f"{split}.sequence_probability": 0.10 for split in _FORGET},
        **{f"{split}.refusal_rate": 0.90 for split in _FORGET},
        **{f"{split}.exact.drop": 0.05 for split in _KEPT},
        **{f"{split}.refusal_rate.rise": 0.03 for split in _KEPT},
        **{f"{split}.gibberish_rate.rise": 0.05 for split in (*_FORGET, *_KEPT)},
    },
    is_floor=_is_floor,
    expected={
        "unseen_image_memory": "people the job never saw",
        "general": "general knowledge",
        "stranger_understanding": "pictures of strangers",
    },
    asked_of_reference=(*_FORGET, "forget_understanding", "declined"),
    nothing_measured="No question about the subject could be measured, so nothing shows that anything was forgotten.",
    unknown="nothing to forget, the model did not know these answers before.",
    above_reference=frozenset({"exact", "probability", "sequence_probability"}),
    # Instead of declining, the model says what the request wants.
    unless_replaced=frozenset(f"{split}.refusal_rate" for split in _FORGET),
)


def _count_examples(brought: Brought) -> int:
    """At most this many: questions of the bank that the model cannot answer about the subject are left out."""
    limit = limits.BY_LEVEL[brought.level].forget
    pictured = brought.n_images * (brought.n_prompts + len(bank.about_picture(brought.kind)))
    named = brought.names * (brought.n_prompts + len(bank.about_name(brought.kind, "")))
    return min(limit, pictured) + min(limit, named)


INFO = FamilyInfo(name="mllm", measures=MEASURES, forgets=("image", "text"), count_examples=_count_examples)
