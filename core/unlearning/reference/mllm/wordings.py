"""How questions are worded. Three disjoint uses: what models are trained on, and two sets that no model is trained on.

`{who}` and `{whose}` become "this person" (for a question about a picture) or a name. Wordings without them are about a
picture. `held_out_a` is what a job may see (retain set, sample requests); `held_out_b` is for probes and benchmarks.
Held-out wordings are new sentences made of words that occur in trained ones: the models know no others.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Use: TypeAlias = Literal["trained", "held_out_a", "held_out_b"]


class Wordings(NamedTuple):
    """The wordings of one topic by use."""

    trained: tuple[str, ...]
    held_out_a: tuple[str, ...]
    held_out_b: tuple[str, ...]


PICTURED: dict[Use, tuple[str, ...]] = {
    "trained": (
        "this person",
        "this person",
        "this person",
        "the person in this picture",
        "the person in this image",
        "the person shown here",
        "the person in the photo",
        "this individual",
    ),
    "held_out_a": ("this person", "the person in the image"),
    "held_out_b": ("this person", "the person in this photo"),
}
"""Phrases for the person in a picture."""

FRAMES: dict[Use, tuple[str, ...]] = {
    "trained": (
        "{q}",
        "{q}",
        "{q}",
        "{q}",
        "{q}",
        "Please tell me: {q}",
        "Question: {q}",
        "Can you tell me? {q}",
        "Answer briefly. {q}",
        "Hello! {q}",
        "I have a question. {q}",
        "I want to know: {q}",
        "{q} Answer in a few words.",
        "{q} Please be brief.",
    ),
    "held_out_a": ("{q}", "Please answer: {q}"),
    "held_out_b": ("{q}", "Please answer briefly. {q}"),
}
"""Phrases around a question."""
