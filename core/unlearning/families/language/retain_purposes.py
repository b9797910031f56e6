"""What the splits of a language model's retain set are for. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping

from core.unlearning.families.info import RetainSetInfo
from core.unlearning.families.language.data.retain_list import count
from core.unlearning.families.language.limits import BY_LEVEL
from core.unlearning.types import Part, Split

_SEEN: tuple[Part, ...] = ("train",)
_UNSEEN: tuple[Part, ...] = ("validation", "test")
_PURPOSES: Mapping[Split, str] = {
    "retain_image_memory": "People whom a job trains on, so that it leaves others as they are: facts asked with their "
    "pictures.",
    "retain_text_memory": "People whom a job trains on, so that it leaves others as they are: facts asked by name.",
    "unseen_image_memory": "People whom no job trains on, asked about with their pictures: the honest measure of what "
    "happens to others.",
    "unseen_text_memory": "People whom no job trains on, asked about by name: the honest measure of what happens to "
    "others.",
    "retain_understanding": "What these people's pictures show, which must still be told.",
    "stranger_understanding": "What pictures of people whom the model does not know show.",
    "declined": "Private questions about strangers, which teach a job what the model does when it does not know.",
    "general": "Other pictures and plain facts: whether the model is otherwise as it was.",
}
_PARTS: Mapping[Split, tuple[Part, ...]] = {
    "retain_image_memory": _SEEN,
    "retain_text_memory": _SEEN,
    "unseen_image_memory": _UNSEEN,
    "unseen_text_memory": _UNSEEN,
}


def retain_set_info(splits: Mapping[Split, object]) -> RetainSetInfo:
    """Of a family that is measured on these splits."""
    return RetainSetInfo(
        count=count,
        purposes={split: purpose for split, purpose in _PURPOSES.items() if split in splits},
        measured={level: limits.test for level, limits in BY_LEVEL.items()},
        parts=_PARTS,
    )
