"""The reference worlds by family name: bundled models, sample requests, training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict

from core.unlearning.families.registry import families
from core.unlearning.planning import PlanError, check_model
from core.unlearning.types import Level

_HERE = Path(__file__).parent
FAMILIES: tuple[str, ...] = tuple(name for name in families() if (_HERE / name).is_dir())
"""Families that have a reference world."""


class Registration(TypedDict):
    """What is needed to register a bundled model: the fields of `POST /v1/models`."""

    id: str
    family: str
    source: str
    retain_set: str
    defaults: Mapping[str, object]


def _world(family: str, module: str) -> Any:
    if family not in FAMILIES:
        raise ValueError(f"no reference world for family {family!r}; there is: {', '.join(FAMILIES)}")
    return import_module(f"{__package__}.{family}.{module}")


def bundled_path(family: str) -> Path:
    """The checkpoint directory of the family's base model that comes with the package."""
    return _HERE / family / "data" / "base"


def oracle_paths(family: str) -> list[Path]:
    """Checkpoints of models that never learned what the standard requests ask to forget, or not its pictures."""
    return sorted((_HERE / family / "data").glob("oracle-*"))


def bundled() -> list[Registration]:
    """The models that come with the package and that some method works on, ready to be registered."""
    return [entry for family in FAMILIES if _is_bundled(family) and _can_serve(entry := _registration(family))]


def _is_bundled(family: str) -> bool:
    return any((bundled_path(family) / name).is_file() for name in ("config.json", "model_index.json"))


def _registration(family: str) -> Registration:
    return Registration(
        id=f"reference-{family}",
        family=family,
        source=str(bundled_path(family)),
        retain_set=str(_HERE / family / "data" / "retain_set"),
        defaults=_world(family, "world").defaults(_HERE / family / "data"),
    )


def _can_serve(entry: Registration) -> bool:
    try:
        check_model(entry["family"], entry["defaults"])
    except PlanError:
        return False
    return True


def loaded_with(family: str) -> str:
    """The class of the stock library whose `from_pretrained` loads the world's model."""
    name: str = _world(family, "world").LOADED_WITH
    return name


def subjects(family: str) -> list[str]:
    """Everyone and everything a request can name in this world."""
    names: list[str] = _world(family, "sample").subjects()
    return names


def standard_requests(family: str) -> list[tuple[str, ...]]:
    """The names of each standard forget request (disjoint groups of one, two and four subjects)."""
    requests: list[tuple[str, ...]] = _world(family, "sample").standard_requests()
    return requests


def sample(family: str, subject: str | Sequence[str], out: Path, seed: int = 0, *, level: Level | None = None) -> Path:
    """Write a ready-to-post request about one or several subjects into `out`; `ValueError` for an unknown name.

    Without a `level` the request leaves it to the service's default.
    """
    path: Path = _world(family, "sample").write_sample(subject, Path(out), seed)
    if level is not None:
        _set_level(level, path / "request.json")
    return path


def _set_level(level: Level, path: Path) -> None:
    request = json.loads(path.read_text(encoding="utf-8"))
    request["evaluation"] = {**request.get("evaluation", {}), "level": level}
    path.write_text(json.dumps(request, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def build(
    family: str,
    out: Path,
    seed: int = 0,
    on_progress: Callable[[int, int, float], None] | None = None,
    *,
    oracle: bool = False,
) -> Path:
    """Train the family's base model from scratch into `out`; `on_progress(step, steps, loss)` after every step.

    An `oracle` never learned the subjects of the standard requests. `ValueError` for a world that has none.
    """
    world = _world(family, "build")
    if oracle and not hasattr(world, "build_oracle"):
        raise ValueError(f"the world of family {family!r} has no oracle")
    train = world.build_oracle if oracle else world.build
    path: Path = train(Path(out), seed, on_progress)
    return path
