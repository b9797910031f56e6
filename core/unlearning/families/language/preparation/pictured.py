"""What the model says of pictures: of people whom it knows, of strangers, and of everything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.data.retain_list import Group, RetainLine
from core.unlearning.families.language.preparation.dealing import deal
from core.unlearning.families.language.preparation.interview import Interview
from core.unlearning.families.language.preparation.sources import Picture
from core.unlearning.types import Example, Part

Pictures = Sequence[Picture]
_ORDINARY: Mapping[Part, tuple[str, ...]] = {
    "train": ("What is shown in this picture?", "Which colours are in this picture?", "Describe this picture."),
    "validation": ("What do you see in this image?", "What are the main colours of this image?"),
    "test": (
        "What can be seen in this photo?",
        "What colours does this photo have?",
        "Describe what is in this photo.",
    ),
}


@dataclass(frozen=True)
class _Sorted:
    """Groups of pictures by what the model makes of them; people whom it knows with what it calls them, if anything."""

    known: tuple[tuple[str | None, Pictures], ...]
    strangers: tuple[Pictures, ...]
    others: tuple[Pictures, ...]
    contrast: Contrast | None


def pictured_lines(
    interview: Interview, groups: Sequence[Pictures], step: Callable[[str, int, int], None]
) -> tuple[list[RetainLine], dict[str, Part]]:
    """Lines about all groups of pictures, and the people whom the model names in them, with their part.

    A group is in one part only, and so is a person who has several.
    """
    found = _sort(interview, groups, step)
    lines: list[RetainLine] = []
    subjects = [name or pictures[0].group for name, pictures in found.known]
    parts = deal(map(str.casefold, subjects), interview.seed)
    for number, (subject, (_, pictures)) in enumerate(zip(subjects, found.known, strict=True)):
        step("asking about people whom it knows", number, len(subjects))
        part, images = parts[subject.casefold()], _images(pictures)
        if found.contrast is not None:
            told = interview.memories_of_picture(found.contrast, images, part)
            lines += to_lines("memory", part, told, pictures, subject)
        lines += to_lines("understanding", part, interview.visible(images, part), pictures, subject)
    for pictures, part in _dealt(interview, found.strangers):
        images = _images(pictures)
        lines += to_lines("stranger", part, interview.visible(images, part), pictures)
        lines += to_lines("declined", part, interview.declined_about_picture(images, part), pictures)
    for pictures, part in _dealt(interview, found.others):
        asked = [(question, p.image) for p in pictures for question in _ORDINARY[part]]
        lines += to_lines("general", part, interview.answers(asked), pictures)
    return lines, {name: parts[name.casefold()] for name, _ in found.known if name}


def to_lines(
    group: Group, part: Part, examples: Sequence[Example], pictures: Pictures = (), subject: str | None = None
) -> list[RetainLine]:
    """The examples as lines, which name the pictures' files."""
    files = {id(picture.image): picture.file for picture in pictures}
    return [
        RetainLine(
            group=group,
            part=part,
            question=example.question,
            answer=example.answer,
            image=files.get(id(example.image)),
            subject=subject or example.subject,
        )
        for example in examples
    ]


def _sort(interview: Interview, groups: Sequence[Pictures], step: Callable[[str, int, int], None]) -> _Sorted:
    people, others = list[Pictures](), list[Pictures]()
    for number, pictures in enumerate(groups):
        step("looking for people", number, len(groups))
        (people if interview.shows_person(_images(pictures)) else others).append(pictures)
    if not people:
        return _Sorted((), (), tuple(others), None)
    blurred = interview.picture_controls([_images(pictures) for pictures in people])
    candidates, strangers = _known(interview, blurred, people, step)
    contrast = interview.stranger_controls(blurred, [_images(pictures) for pictures in strangers])
    if contrast is not blurred:
        candidates, more = _known(interview, contrast, candidates, step)
        strangers += more
    known = tuple((interview.name_in_picture(contrast, _images(pictures)), pictures) for pictures in candidates)
    return _Sorted(known, tuple(strangers), tuple(others), contrast)


def _known(
    interview: Interview, contrast: Contrast, people: Sequence[Pictures], step: Callable[[str, int, int], None]
) -> tuple[list[Pictures], list[Pictures]]:
    """Those whom the model knows, and those whom it does not."""
    known, strangers = list[Pictures](), list[Pictures]()
    for number, pictures in enumerate(people):
        step("telling whom it knows", number, len(people))
        (known if interview.knows_by_picture(contrast, _images(pictures)) else strangers).append(pictures)
    return known, strangers


def _dealt(interview: Interview, groups: Sequence[Pictures]) -> list[tuple[Pictures, Part]]:
    parts = deal((pictures[0].group for pictures in groups), interview.seed)
    return [(pictures, parts[pictures[0].group]) for pictures in groups]


def _images(pictures: Pictures) -> list[Image]:
    return [picture.image for picture in pictures]
