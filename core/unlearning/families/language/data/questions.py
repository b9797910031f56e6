"""Turn a request's prompts into questions about a picture and questions about a name, and reword them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from core.unlearning.types import Part

POINTER = "this person"
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
_POINTERS_BY_PART: dict[Part, tuple[str, ...]] = {
    "train": (POINTER, POINTER, "the person in this picture"),
    "validation": (POINTER, "the person in the photo"),
    "test": (POINTER, "the person in this image"),
}


@dataclass(frozen=True)
class QuestionSet:
    """Questions of one view: the request's own, and those that Lethe adds."""

    own: list[str]
    added: list[str]

    @property
    def evaluated(self) -> list[str]:
        """The questions of the report: the request's own where it brings any."""
        return self.own or self.added


def replace_name(question: str, name: str, other: str) -> str:
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


def reword(question: str, part: Part, turn: int) -> str:
    """The question in a wording that only this part uses. `turn` cycles through the wordings."""
    frames, pictured = _FRAMES[part], _POINTERS_BY_PART[part]
    return frames[turn % len(frames)].format(q=replace_pointer(question, pictured[turn // len(frames) % len(pictured)]))


def without_frame(question: str) -> str:
    """The question without what `reword` puts around it, whichever part it is of."""
    for frame in {frame for frames in _FRAMES.values() for frame in frames}:
        before, after = frame.split("{q}")
        if question.startswith(before) and question.endswith(after):
            question = question[len(before) : len(question) - len(after)]
    return question


def replace_pointer(question: str, pointer: str) -> str:
    """The question with another phrase for the person in the picture."""
    replaced = re.sub(r"\bthis person\b", pointer, question, flags=re.IGNORECASE)
    return replaced[:1].upper() + replaced[1:]


def unique(questions: Sequence[str]) -> list[str]:
    """The questions in order without repetitions (ignoring case and spaces)."""
    return list({" ".join(q.casefold().split()): q for q in reversed(questions)}.values())[::-1]
