"""Names of nobody, for questions about others than the subject."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

import regex

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.families.language.data.bundled import spaced_names, unspaced_names
from core.unlearning.families.language.data.bundled.choosing import IsTaken
from core.unlearning.families.language.data.bundled.origins import famous_names
from core.unlearning.families.language.data.bundled.scripts import script_of
from core.unlearning.families.language.data.bundled.spaced_names import SpacedForm, spaced_form
from core.unlearning.families.language.data.bundled.unspaced_names import UnspacedForm, unspaced_form
from core.unlearning.types import EntityKind

Form = SpacedForm | UnspacedForm
_IN_BRACKETS = regex.compile(r"[(\uff08][^)\uff09]*[)\uff09]")
_TRIES = 20
"""Names that are drawn for each that is wanted, before they may be of any origin, or are too few."""


def control_names(
    like: Sequence[str],
    count: int,
    rng: random.Random,
    *,
    avoid: Collection[str] = (),
    kind: EntityKind = "identity",
) -> list[str]:
    """Made-up names of people in the script, form and, where it can be told, of the origin of those of `like` in turn.

    None has a word of a name of `like`, is one of `avoid` or of somebody widely known, or comes twice. They are fewer
    where the lists allow no more; there are none in a script without lists, or of anything but people.
    """
    if kind != "identity":
        return []
    made: list[str] = []
    refused = {_key(name) for name in (*like, *avoid)}
    for anywhere in (False, True):
        forms = [form for form in (_form(name, like, anywhere=anywhere) for name in map(_bare, like)) if form]
        for turn in range(_TRIES * count if forms else 0):
            if len(made) == count:
                return made
            form, is_taken = forms[turn % len(forms)]
            name = _draw(form, is_taken, made, rng)
            if name and _key(name) not in refused and not _is_famous(name):
                refused.add(_key(name))
                made.append(name)
    return made


def _form(name: str, like: Sequence[str], *, anywhere: bool) -> tuple[Form, IsTaken] | None:
    if unspaced := unspaced_form(name):
        return unspaced, unspaced_names.taken_by(like)
    spaced = spaced_form(name, script_of(name), anywhere=anywhere)
    return (spaced, spaced_names.taken_by(like)) if spaced else None


def _draw(form: Form, is_taken: IsTaken, made: Sequence[str], rng: random.Random) -> str | None:
    """A name without a word of those made so far, while there is one."""
    used = " ".join(made).casefold()
    return form.draw(rng, lambda word: word.casefold() in used or is_taken(word)) or form.draw(rng, is_taken)


def _bare(name: str) -> str:
    """Without what stands in brackets, such as the name in another script."""
    return _IN_BRACKETS.sub("", name).strip()


def _key(name: str) -> str:
    return " ".join(folded(name).split())


def _is_famous(name: str) -> bool:
    """Whether it is, or begins and ends with, the words of a famous name."""
    words = folded(name).split()
    return not famous_names().isdisjoint({frozenset(words), frozenset({words[0], words[-1]})})
