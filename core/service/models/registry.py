"""The registered models. Jobs can name only these, and only administrators register them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.db.tables.models import Model
from core.service.errors import InvalidRequest, ModelExists, NotFound
from core.service.kit.clock import now
from core.service.models.schema import ModelCreate
from core.service.settings import Settings

_PATH_DEFAULTS = ("oracle", "classifiers", "clip")
"""Defaults that hold a folder or a list of folders. All but `classifiers` may hold hub ids instead."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class RegisteredModel:
    """A model that jobs may name. `source` is a folder or a hub id; `retain_set` a folder."""

    id: str
    family: str
    source: str
    revision: str | None
    retain_set: str | None
    defaults: Mapping[str, Any]
    created_at: datetime


def register(s: Session, model: ModelCreate, settings: Settings) -> RegisteredModel:
    """Add a model. The same registration again changes nothing. Raises `InvalidRequest`, `ModelExists`."""
    values = _checked(model, settings.model_roots)
    row = s.get(Model, model.id)
    if row is None:
        row = Model(**values, created_at=now())
        s.add(row)
        s.flush()
    elif any(getattr(row, name) != value for name, value in values.items()):
        raise ModelExists
    return _record(row)


def register_trusted(s: Session, model: ModelCreate) -> RegisteredModel:
    """Add or replace a model that comes with the package. Its folders need not be below the model roots."""
    row = s.get(Model, model.id)
    values = model.model_dump()
    if row is None:
        row = Model(**values, created_at=now())
        s.add(row)
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    s.flush()
    return _record(row)


def get(s: Session, model_id: str) -> RegisteredModel:
    """One model. Raises `NotFound`."""
    row = s.get(Model, model_id)
    if row is None:
        raise NotFound
    return _record(row)


def list_models(s: Session) -> list[RegisteredModel]:
    """Every model, by id."""
    return [_record(row) for row in s.execute(select(Model).order_by(Model.id)).scalars()]


def _checked(model: ModelCreate, roots: list[Path]) -> dict[str, Any]:
    values = model.model_dump()
    if not _HUB_ID.fullmatch(model.source):
        values["source"] = _confined(model.source, roots, "/source")
    folders = {name: model.defaults[name] for name in _PATH_DEFAULTS if name in model.defaults}
    values["defaults"] = {
        **values["defaults"],
        **{name: _confined_default(name, value, roots) for name, value in folders.items()},
    }
    if model.retain_set is not None:
        values["retain_set"] = _confined(model.retain_set, roots, "/retain_set")
    return values


def _confined_default(name: str, value: Any, roots: list[Path]) -> Any:
    """A default that holds folders, with their real paths."""
    if isinstance(value, list):
        return [_confined_default(name, item, roots) for item in value]
    if not isinstance(value, str) or (name != "classifiers" and _HUB_ID.fullmatch(value)):
        return value
    return _confined(value, roots, f"/defaults/{name}")


def _confined(text: str, roots: list[Path], pointer: str) -> str:
    """The real path, if it is a folder below one of `roots`. All others get the same answer: no probing of disks."""
    path = Path(text)
    if path.is_absolute():
        real = path.resolve()
        if any(real.is_relative_to(root.resolve()) for root in roots) and real.is_dir():
            return str(real)
    detail = "Must be a folder below one of LETHE_MODEL_ROOTS"
    detail += ", or a hub id like owner/name." if pointer == "/source" else "."
    raise InvalidRequest.one(pointer, "model_not_allowed", detail)


def _record(row: Model) -> RegisteredModel:
    return RegisteredModel(
        row.id, row.family, row.source, row.revision, row.retain_set, dict(row.defaults), row.created_at
    )
