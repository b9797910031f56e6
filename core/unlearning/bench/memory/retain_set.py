"""Writes the retain set of a world without one: the retain people, the general questions, half of the strangers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory.world import Picture, Question, World, image_bytes
from core.unlearning.types import Part

_VALIDATION_EVERY = 4
"""Every fourth person, or general question, is in the validation part."""
RetainRow = dict[str, Any]


def world_retain_set(world: World, folder: Path) -> Path:
    """The world's own folder, or else `folder`, written where it does not exist yet (docs/how-to/register_model.md)."""
    if world.retain_set:
        return world.retain_set
    path = folder / "examples.jsonl"
    if not path.is_file():
        (folder / "images").mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row, ensure_ascii=False) for row in _rows(world, folder)]
        partial = path.with_suffix(".part")
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(partial, path)
    return folder


def _rows(world: World, folder: Path) -> Iterator[RetainRow]:
    for number, person in enumerate(world.of_role("retain")):
        yield from _question_rows(person.questions, _part(number), folder, person.name)
    for number, question in enumerate(q for q in world.general if not q.held_out):
        yield from _question_rows([question], _part(number), folder, None)
    for number, stranger in enumerate(world.strangers[::2]):
        yield from _question_rows(stranger.questions, _part(number), folder, None, unknown=True)


def _part(number: int) -> Part:
    return "validation" if number % _VALIDATION_EVERY == _VALIDATION_EVERY - 1 else "train"


def _question_rows(
    questions: Iterable[Question], part: Part, folder: Path, subject: str | None, *, unknown: bool = False
) -> Iterator[RetainRow]:
    for question in questions:
        if question.held_out:
            continue
        yield {
            "group": _group(question, unknown=unknown),
            "part": part,
            "question": question.question,
            "answer": question.answer or None,
            "image": None if question.picture is None else _save_picture(question.picture, folder),
            "subject": subject,
        }


def _group(question: Question, *, unknown: bool) -> str:
    if question.kind == "general":
        return "general"
    if question.kind == "understanding":
        return "stranger" if unknown else "understanding"
    return "declined" if unknown else "memory"


def _save_picture(picture: Picture, folder: Path) -> str:
    """Its path in the folder, without a suffix: readers detect the format from the content."""
    data = image_bytes([picture])[0]
    name = f"images/{hashlib.sha256(data).hexdigest()[:24]}"
    if not (folder / name).is_file():
        (folder / name).write_bytes(data)
    return name
