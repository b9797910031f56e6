"""What the model says of people by name, and when nothing is asked about anybody."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from core.unlearning.families.language.data.bundled.control_names import control_names
from core.unlearning.families.language.data.bundled.figures import figure_questions
from core.unlearning.families.language.data.bundled.prompts import general_prompts
from core.unlearning.families.language.data.bundled.scripts import script_of
from core.unlearning.families.language.data.retain_list import RetainLine
from core.unlearning.families.language.preparation.dealing import deal
from core.unlearning.families.language.preparation.interview import Interview
from core.unlearning.families.language.preparation.pictured import to_lines
from core.unlearning.families.language.preparation.sources import Listed
from core.unlearning.types import Part

_FIGURES = 15
"""Widely known people of each part that are tried."""
_NOBODY = 30
"""Made-up names in each script that people's names are written in."""
_PARTS: tuple[Part, ...] = ("train", "validation", "test")


def named_lines(
    interview: Interview,
    listed: Sequence[Listed],
    seen: Mapping[str, Part],
    step: Callable[[str, int, int], None],
) -> list[RetainLine]:
    """Lines about the listed people, those of pictures (`seen`, in their part), public figures and made-up names."""
    people = _people(interview, listed, seen)
    nobody = _nobody([person.name for person, _ in people], interview.seed)
    lines: list[RetainLine] = []
    for number, (person, part) in enumerate(people):
        step("asking about names", number, len(people))
        lines += _about(interview, person, part, nobody[script_of(person.name)])
    made_up = deal((name for names in nobody.values() for name in names), interview.seed)
    for number, (name, part) in enumerate(made_up.items()):
        step("asking about made-up names", number, len(made_up))
        lines += to_lines("declined", part, interview.declined_about_name(name, part))
    for number, part in enumerate(_PARTS):
        step("asking ordinary questions", number, len(_PARTS))
        lines += to_lines("general", part, interview.answers([(prompt, None) for prompt in general_prompts(part)]))
    return lines


def _about(interview: Interview, person: Listed, part: Part, nobody: Sequence[str]) -> list[RetainLine]:
    """Memory of somebody whom the model knows; of others what it declines. What it makes up is left out."""
    contrast = interview.name_contrast(person.name, nobody)
    if interview.knows_by_name(contrast, person):
        return to_lines("memory", part, interview.memories_of_name(contrast, person, part))
    return to_lines("declined", part, interview.declined_about_name(person.name, part))


def _people(interview: Interview, listed: Sequence[Listed], seen: Mapping[str, Part]) -> list[tuple[Listed, Part]]:
    """Each with their part: that of their pictures; for figures that of the bundled list, whose wordings it has."""
    known = {name.casefold(): (Listed(name), part) for name, part in seen.items()}
    parts = deal((person.name.casefold() for person in listed if person.name.casefold() not in known), interview.seed)
    for person in listed:
        key = person.name.casefold()
        known[key] = (person, known[key][1] if key in known else parts[key])
    names = [person.name for person, _ in known.values()]
    for part in _PARTS:
        asked = figure_questions(part, avoid=names)
        figures = random.Random(interview.seed).sample(sorted(asked), min(_FIGURES, len(asked)))  # noqa: S311
        known |= {name.casefold(): (Listed(name, tuple(asked[name])), part) for name in figures}
    return list(known.values())


def _nobody(names: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Made-up names by the script of the names that they are like."""
    by_script: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_script[script_of(name)].append(name)
    return {
        script: control_names(like, _NOBODY, random.Random(seed), avoid=names)  # noqa: S311
        for script, like in by_script.items()
    }
