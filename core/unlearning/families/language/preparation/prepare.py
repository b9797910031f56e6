"""Prepares a retain set for a model that brings none, from ordinary pictures and a list of names."""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.data.retain_list import NAME, Group, RetainLine
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.preparation.interview import Interview
from core.unlearning.families.language.preparation.kept_answers import keeping_answers
from core.unlearning.families.language.preparation.named import named_lines
from core.unlearning.families.language.preparation.pictured import pictured_lines
from core.unlearning.families.language.preparation.sources import (
    Listed,
    Picture,
    import_picture,
    picture_files,
    unique_pictures,
    write_whole,
)
from core.unlearning.types import Part

Step = Callable[[str, int, int], None]
"""Called with what is done, how many of it are done, and how many there are."""


@dataclass(frozen=True)
class Prepared:
    """A retain set that was prepared. `unreadable`: in words, which files of the folder could not be used."""

    folder: Path
    rows: dict[tuple[Group, Part], int]
    people: int
    unreadable: tuple[str, ...]


def prepare(
    lm: LanguageModel,
    out: Path,
    *,
    pictures: Path | None = None,
    names: Sequence[Listed] = (),
    seed: int = 0,
    step: Step = lambda *_: None,
) -> Prepared:
    """Ask the frozen model about the pictures and names, and write what it says as a retain set in `out`.

    The folder appears when it is whole. Until then everything lies beside it, in `<out>.unfinished`, from where a later
    call goes on. Raises `InvalidInputError` where `out` is there already, and where nothing can be asked.
    """
    if out.exists():
        raise InvalidInputError(f"{out} is there already; pass a folder that is not", code="out_exists")
    if pictures is not None and not lm.sees:
        raise InvalidInputError("this model sees no pictures: pass names alone", code="images_not_supported")
    unfinished = out.with_name(f"{out.name}.unfinished")
    answers, whole = unfinished / "kept", unfinished / "retain_set"
    found, unreadable = _import(pictures, whole, step)
    if not found and not names:
        reasons = "; ".join(unreadable) or "the folder has no picture and the list no name"
        raise InvalidInputError(f"there is nothing to ask the model about: {reasons}", code="nothing_to_ask")
    with keeping_answers(lm, answers):
        lines = _lines(Interview(Asker(lm), seed), found, names, step)
    _write(whole, lines)
    os.replace(whole, out)
    shutil.rmtree(unfinished)
    counted = Counter((line.group, line.part) for line in lines)
    people = {line.subject for line in lines if line.group == "memory"}
    return Prepared(out, dict(counted), len(people), tuple(unreadable))


def _import(folder: Path | None, out: Path, step: Step) -> tuple[list[Picture], list[str]]:
    """The pictures that can be read, each once, and what is wrong with the others."""
    files = picture_files(folder) if folder is not None else []
    found, unreadable = list[Picture](), list[str]()
    for number, path in enumerate(files):
        step("reading pictures", number, len(files))
        try:
            found.append(import_picture(path, folder or path.parent, out))
        except InvalidInputError as error:
            unreadable.append(error.detail)
    return list(unique_pictures(found)), unreadable


def _lines(interview: Interview, pictures: Sequence[Picture], names: Sequence[Listed], step: Step) -> list[RetainLine]:
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.group].append(picture)
    by_picture, seen = pictured_lines(interview, list(groups.values()), step)
    return [*by_picture, *named_lines(interview, names, seen, step)]


def _write(folder: Path, lines: Iterable[RetainLine]) -> None:
    """The list, and no picture that it does not name."""
    unique = {(line.group, line.part, line.question, line.image): line for line in lines}
    text = "".join(line.model_dump_json() + "\n" for line in unique.values())
    write_whole(folder / NAME, text.encode())
    named = {line.image for line in unique.values()}
    for path in folder.glob("images/*"):
        if f"images/{path.name}" not in named:
            path.unlink()
