"""Reads rows and pictures of a folder; errors name the file and the line, never the content.

Rows are JSON Lines, or a JSON array. Parquet is not supported, since nothing else of Lethe needs its library;
docs/how-to/bench.md says how to convert it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.shared.images import decode

ENDINGS = (".jsonl", ".json")


class LayoutRow(BaseModel):
    """A row as a layout defines it; other columns are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


L = TypeVar("L", bound=LayoutRow)


@dataclass
class Rows:
    """One file of rows; pictures are named relative to its folder `root`."""

    path: Path
    root: Path
    _checked: set[Path] = field(default_factory=set)

    def read(self, kind: type[L]) -> Iterator[tuple[int, L]]:
        """Each row with its number, from 1. Raises `InvalidInputError`."""
        for number, value in _values(self.path):
            try:
                yield number, kind.model_validate(value)
            except ValidationError as error:
                places = sorted({".".join(map(str, problem["loc"])) for problem in error.errors()})
                raise self.invalid_row(number, f"is not as the layout has it: {', '.join(places)}") from None

    def picture(self, name: str, number: int) -> Path:
        """A picture of row `number`, decoded once to validate it. Raises `InvalidInputError`."""
        path = _inside(self.root, name)
        if path is None:
            raise self.invalid_row(number, "names a picture that is not in the folder")
        if path not in self._checked:
            try:
                decode(path.read_bytes(), number)
            except (InvalidInputError, OSError):
                raise self.invalid_row(number, "names a picture that does not decode") from None
            self._checked.add(path)
        return path

    def invalid_row(self, number: int, what: str) -> InvalidInputError:
        """The error about a row."""
        return InvalidInputError(f"row {number} of {self.path.name} {what}", code="invalid_data")


def find_rows(folder: Path, name: str) -> Rows | None:
    """`<name>.jsonl`, `<name>.json`, or the only such file in a folder `<name>`; None where none of them exists.

    Raises `InvalidInputError` for parquet files, and for several files in the folder.
    """
    for ending in ENDINGS:
        if (folder / f"{name}{ending}").is_file():
            return Rows(folder / f"{name}{ending}", folder)
    inner = folder / name
    files = sorted(path for path in inner.glob("*") if path.suffix in ENDINGS) if inner.is_dir() else []
    if len(files) > 1:
        raise InvalidInputError(f"the folder {name!r} holds several files of rows; join them", code="invalid_data")
    if files:
        return Rows(files[0], inner)
    if inner.is_dir() and any(inner.glob("*.parquet")):
        raise InvalidInputError(
            f"the folder {name!r} holds parquet; convert it to JSON Lines and picture files (docs/how-to/bench.md)",
            code="parquet_data",
        )
    return None


def require_rows(folder: Path, name: str) -> Rows:
    """As `find_rows`. Raises `InvalidInputError` where there is no such file."""
    rows = find_rows(folder, name)
    if rows is None:
        raise InvalidInputError(f"the data's folder has no {name}.jsonl", code="missing_data")
    return rows


def _inside(root: Path, name: str) -> Path | None:
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _values(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidInputError(f"{path.name} is not a text file in UTF-8", code="invalid_data") from None
    if text.lstrip()[:1] == "[":
        yield from enumerate(_parsed(text, path, None), start=1)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _parsed(line, path, number)


def _parsed(text: str, path: Path, number: int | None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = number or getattr(error, "lineno", 1)
        raise InvalidInputError(f"line {line} of {path.name} is not JSON", code="invalid_data") from None
