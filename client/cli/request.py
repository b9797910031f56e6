"""From the flags of `lethe submit` to the request of the HTTP API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.cli.exits import USAGE, CommandError

_PICTURES = {".png", ".jpg", ".jpeg", ".webp"}
_SOUNDS = {".wav", ".flac"}


@dataclass(frozen=True)
class Flags:
    """The flags of `lethe submit`."""

    request: Path | None = None
    model: str | None = None
    name: str | None = None
    kind: str | None = None
    aliases: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    audio: list[Path] = field(default_factory=list)
    folder: Path | None = None
    retain_prompts: list[str] = field(default_factory=list)
    retain_entities: list[str] = field(default_factory=list)
    method: str | None = None
    options: list[str] = field(default_factory=list)
    level: str | None = None
    thresholds: list[str] = field(default_factory=list)
    replacement: str | None = None
    external_id: str | None = None


def build(flags: Flags) -> tuple[dict[str, Any], dict[str, list[Path]]]:
    """The request and the files that go with it, by field. Flags win over the file; lists are added to it."""
    body, pictures, sounds = _from_file(flags.request)
    if flags.folder is not None:
        pictures = pictures_in(flags.folder)
    _set(body, model=flags.model, method=flags.method, replacement=flags.replacement, external_id=flags.external_id)
    if flags.name or flags.kind or flags.aliases:
        entity = _section(body, "entity")
        _set(entity, name=flags.name, kind=flags.kind)
        _add(entity, aliases=flags.aliases)
        entity.setdefault("kind", "identity")
    _add(body, prompts=flags.prompts)
    if flags.retain_prompts or flags.retain_entities:
        _add(_section(body, "retain"), prompts=flags.retain_prompts, entities=flags.retain_entities)
    if flags.options:
        _section(body, "method_options").update(pair(text) for text in flags.options)
    if flags.level or flags.thresholds:
        evaluation = _section(body, "evaluation")
        _set(evaluation, level=flags.level)
        if flags.thresholds:
            _section(evaluation, "thresholds").update(pair(text) for text in flags.thresholds)
    if not body.get("model"):
        raise CommandError("which model? Pass --model (`lethe models` lists them) or --request", USAGE)
    body.setdefault("entity", {"name": None, "kind": "identity", "aliases": []})
    return body, {"images": [*pictures, *flags.images], "audio": [*sounds, *flags.audio]}


def pictures_in(folder: Path) -> list[Path]:
    """The JPEG, PNG and WebP files of a folder, in the order of their names."""
    return _files_in(folder, _PICTURES, "JPEG, PNG or WebP")


def sounds_in(folder: Path) -> list[Path]:
    """The WAV and FLAC files of a folder, in the order of their names."""
    return _files_in(folder, _SOUNDS, "WAV or FLAC")


def _files_in(folder: Path, endings: set[str], kinds: str) -> list[Path]:
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder", USAGE)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings)
    if not files:
        raise CommandError(f"{folder} holds no {kinds} file", USAGE)
    return files


def _from_file(path: Path | None) -> tuple[dict[str, Any], list[Path], list[Path]]:
    if path is None:
        return {}, [], []
    source = path / "request.json" if path.is_dir() else path
    try:
        body = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"cannot read {source}: {error.strerror}", USAGE) from None
    except ValueError as error:
        raise CommandError(f"{source} is not JSON: {error}", USAGE) from None
    if not isinstance(body, dict):
        raise CommandError(f"{source} must hold one JSON object", USAGE)
    if not path.is_dir():
        return body, [], []
    pictures, sounds = path / "images", path / "audio"
    return body, pictures_in(pictures) if pictures.is_dir() else [], sounds_in(sounds) if sounds.is_dir() else []


def _section(body: dict[str, Any], name: str) -> dict[str, Any]:
    section: dict[str, Any] = body.setdefault(name, {})
    return section


def _set(body: dict[str, Any], **values: str | None) -> None:
    body.update({name: value for name, value in values.items() if value is not None})


def _add(body: dict[str, Any], **values: list[str]) -> None:
    for name, items in values.items():
        if items:
            body[name] = [*body.get(name, []), *items]


def pair(text: str) -> tuple[str, Any]:
    """Name and value of `name=value`; the value is parsed as JSON where possible, and a string otherwise."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"{text!r} is not name=value", USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
