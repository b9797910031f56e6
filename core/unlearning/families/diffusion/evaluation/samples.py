"""A few pictures before and after, from the same seeds, with prompts that are fit to be read by others."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from core.unlearning.evaluation.redact import Redactor
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation, PictureRow


def samples(before: PictureEvaluation, after: PictureEvaluation, *, names: Sequence[str]) -> list[dict[str, Any]]:
    """The pictures that both evaluations kept; none when the two do not match.

    Of prompts that are about a concept only ordinary words stay, and elsewhere everything but the names.
    """
    if [(row.split, row.prompt) for row in before.rows] != [(row.split, row.prompt) for row in after.rows]:
        return []
    redactor = Redactor([*names, *(row.subject for row in before.rows if row.subject)], [])
    pairs = zip(before.rows, after.rows, strict=True)
    return [_sample(b, a, redactor) for b, a in pairs if b.picture is not None and a.picture is not None]


def _sample(before: PictureRow, after: PictureRow, redactor: Redactor) -> dict[str, Any]:
    return {
        "split": before.split,
        "prompt": _prompt(before, redactor),
        "before": _data_uri(before.picture or b""),
        "after": _data_uri(after.picture or b""),
        "seen_before": before.recognised,
        "seen_after": after.recognised,
    }


def _prompt(row: PictureRow, redactor: Redactor) -> str:
    return redactor.names_only(row.prompt) if row.split == "general" else redactor.strict(row.prompt)


def _data_uri(picture: bytes) -> str:
    return f"data:image/webp;base64,{b64encode(picture).decode()}"
