"""How the request's prompts become questions about a picture and questions about a name, and how they are re-worded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from core.unlearning.types import Part

PICTURED = "this person"
_POINTERS = re.compile(
    r"\b(?:the|this|that) (?:person|man|woman|individual|character|object|thing)"
    r"(?: (?:shown |seen |pictured )?(?:in|on|from) (?:the|this) (?:picture|image|photo|photograph))?\b",
    re.IGNORECASE,
)
_AGREEMENT = (
    (r"\bwere they\b", "was {who}"),
    (r"\bare they\b", "is {who}"),
    (r"\bdo they\b", "does {who}"),
    (r"\bhave they\b", "has {who}"),
    (r"\b(?:did|can|will|would|should|is|was|does|has) (?:he|she|they)\b", None),
    (r"\btheir\b|\bhis\b|\bher(?= [a-z])", "{who}'s"),
    (r"\bthem\b|\bhim\b|\bher\b|\bthey\b|\bhe\b|\bshe\b", "{who}"),
)
_FRAMES: dict[Part, tuple[str, ...]] = {
    "train": ("{q}", "{q}", "Please tell me: {q}", "Question: {q}", "I have a question. {q}"),
    "validation": ("Can you tell me? {q}", "I would like to know: {q}"),
    "test": ("Please answer: {q}", "Hello! {q}", "{q} Please answer briefly."),
}
_PICTURED: dict[Part, tuple[str, ...]] = {
    "train": (PICTURED, PICTURED, "the person in this picture"),
    "validation": (PICTURED, "the person in the photo"),
    "test": (PICTURED, "the person in this image"),
}


def rename(question: str, name: str, other: str) -> str:
    """The question with a name replaced (every mention, any case)."""
    replaced = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: other, question, flags=re.IGNORECASE)
    return replaced[:1].upper() + replaced[1:]


def about_name(question: str, name: str) -> str:
    """A question about "this person" (or "they") as one about a named person."""
    replaced, count = _POINTERS.subn(lambda _: name, question)
    if count:
        return replaced
    for pattern, form in _AGREEMENT:
        replaced, count = re.subn(pattern, partial(_agree, form=form, name=name), question, flags=re.IGNORECASE)
        if count:
            return replaced
    return f"About {name}: {question}"


def _agree(match: re.Match[str], form: str | None, name: str) -> str:
    if form is None:
        return f"{match.group(0).split()[0]} {name}"
    return form.format(who=name)


def reworded(question: str, part: Part, turn: int) -> str:
    """A wording that belongs to one part alone: the same question in another frame. `turn` cycles through them."""
    frames, pictured = _FRAMES[part], _PICTURED[part]
    return frames[turn % len(frames)].format(q=rename_pointer(question, pictured[turn // len(frames) % len(pictured)]))


def rename_pointer(question: str, pointer: str) -> str:
    """The question with another way of pointing at the person in the picture."""
    replaced = re.sub(r"\bthis person\b", pointer, question, flags=re.IGNORECASE)
    return replaced[:1].upper() + replaced[1:]


def unique(questions: Sequence[str]) -> list[str]:
    """Without repetitions (case and blanks aside), in order."""
    return list({" ".join(q.casefold().split()): q for q in reversed(questions)}.values())[::-1]
