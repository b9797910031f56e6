"""The reference worlds by name: bundled models, sample requests, training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict

from core.unlearning.planning import PlanError, check_model
from core.unlearning.types import Level

_HERE = Path(__file__).parent
_PACKAGES: Mapping[str, str] = {
    "mllm": "mllm",
    "diffusion": "diffusion",
    "audiovisual": "audiovisual",
    "smollm2": "smollm2",
    "smollm2-vision": "smollm2_vision",
}
WORLDS: tuple[str, ...] = tuple(_PACKAGES)


class UnavailableError(RuntimeError):
    """What a world is built from cannot be had; the text says why in a sentence."""


class Registration(TypedDict):
    """What is needed to register a bundled model: the fields of `POST /v1/models`."""

    id: str
    family: str
    source: str
    retain_set: str
    defaults: Mapping[str, object]


def _world(name: str, module: str) -> Any:
    if name not in _PACKAGES:
        raise ValueError(f"no reference world {name!r}; there is: {', '.join(WORLDS)}")
    return import_module(f"{__package__}.{_PACKAGES[name]}.{module}")


def family(world: str) -> str:
    """The family that the world's model belongs to; `ValueError` for an unknown world."""
    name: str = _world(world, "world").FAMILY
    return name


def bundled_path(world: str) -> Path:
    """The checkpoint directory of the base model, where one comes with the package."""
    return _data(world) / "base"


def oracle_paths(world: str) -> list[Path]:
    """Checkpoints of models that never learned what the standard requests ask to forget, or not its pictures."""
    return sorted(_data(world).glob("oracle-*"))


def _data(world: str) -> Path:
    return _HERE / _PACKAGES[world] / "data"


def bundled() -> list[Registration]:
    """The models that come with the package and that some method works on, ready to be registered."""
    return [entry for world in WORLDS if _is_bundled(world) and _can_serve(entry := _registration(world))]


def _is_bundled(world: str) -> bool:
    return any((bundled_path(world) / name).is_file() for name in ("config.json", "model_index.json"))


def _registration(world: str) -> Registration:
    return Registration(
        id=f"reference-{world}",
        family=family(world),
        source=str(bundled_path(world)),
        retain_set=str(_data(world) / "retain_set"),
        defaults=_world(world, "world").defaults(_data(world)),
    )


def _can_serve(entry: Registration) -> bool:
    try:
        check_model(entry["family"], entry["defaults"])
    except PlanError:
        return False
    return True


def loaded_with(world: str) -> str:
    """The class of the stock library whose `from_pretrained` loads the world's model."""
    name: str = _world(world, "world").LOADED_WITH
    return name


def subjects(world: str) -> list[str]:
    """Everyone and everything a request can name in this world."""
    names: list[str] = _world(world, "sample").subjects()
    return names


def standard_requests(world: str) -> list[tuple[str, ...]]:
    """The names of each standard forget request (disjoint groups of subjects)."""
    requests: list[tuple[str, ...]] = _world(world, "sample").standard_requests()
    return requests


def sample(world: str, subject: str | Sequence[str], out: Path, seed: int = 0, *, level: Level | None = None) -> Path:
    """Write a ready-to-post request about one or several subjects into `out`; `ValueError` for an unknown name.

    Without a `level` the request leaves it to the service's default.
    """
    path: Path = _world(world, "sample").write_sample(subject, Path(out), seed)
    if level is not None:
        _set_level(level, path / "request.json")
    return path


def _set_level(level: Level, path: Path) -> None:
    request = json.loads(path.read_text(encoding="utf-8"))
    request["evaluation"] = {**request.get("evaluation", {}), "level": level}
    path.write_text(json.dumps(request, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def build(
    world: str,
    out: Path,
    seed: int = 0,
    on_progress: Callable[[int, int, float], None] | None = None,
    *,
    oracle: bool = False,
    **options: object,
) -> Path:
    """Build the world's base model into `out`; `on_progress(step, steps, loss)` after every step.

    An `oracle` never learned the subjects of the standard requests. `ValueError` for a world that has none, or that
    does not know one of the `options`.
    """
    module = _world(world, "build")
    _check_options(world, module, options)
    if oracle and not hasattr(module, "build_oracle"):
        raise ValueError(f"the world {world!r} has no oracle")
    make = module.build_oracle if oracle else module.build
    path: Path = make(Path(out), seed, on_progress, **options)
    return path


def _check_options(world: str, module: Any, options: Mapping[str, object]) -> None:
    unknown = sorted(set(options) - set(getattr(module, "OPTIONS", ())))
    if unknown:
        raise ValueError(f"the world {world!r} is built without {', '.join(unknown)}")
