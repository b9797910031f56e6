"""`lethe models prepare`: a retain set for a model that brings none, made on this machine by asking the model."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli import exits
from client.cli.context import JsonFlag, connect, err, out, print_json, say

if TYPE_CHECKING:
    from core.unlearning.families.language.model.model import LanguageModel
    from core.unlearning.families.language.preparation.prepare import Prepared
    from core.unlearning.types import ModelSpec, Part

_PARTS: tuple[Part, ...] = ("train", "validation", "test")
_SEES = ("vision_config", "vision_tower", "mm_vision_tower", "image_token_id", "image_token_index")
"""What the configuration of a model has one of that sees."""


def prepare_model(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A folder, a hub id owner/name, or the id of a registered model.")],
    out_dir: Annotated[
        Path, typer.Option("--out", help="The folder to make; a stopped run goes on with the same one.")
    ],
    pictures: Annotated[
        Path | None, typer.Option(help="A folder of ordinary pictures; those in a folder in it are of one person.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="A text file: a name a line, after it questions, separated by tabs.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="mllm or llm. Without: as the model's configuration says.")] = None,
    precision: Annotated[str, typer.Option(help="Of the weights: auto, float32, bfloat16, float16 or 4bit.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of who and what comes into which part.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Make a retain set by asking the model about pictures and names, on this machine."""
    if pictures is None and names is None:
        raise exits.CommandError("pass --pictures DIR, --names FILE, or both", exits.USAGE)
    from core.unlearning.families.registry import families

    spec = _spec(context, model, family)
    asked = [name for name, info in families().items() if info.is_asked]
    if spec.family not in asked:
        which = f"families {' and '.join(asked)}, not for {spec.family!r}"
        raise exits.CommandError(f"a retain set is prepared for {which}", exits.USAGE)
    if pictures is not None and not families()[spec.family].uses_pictures:
        raise exits.CommandError(f"models of family {spec.family} see no pictures: pass --names alone", exits.USAGE)
    from core.unlearning.errors import UnlearningError
    from core.unlearning.families.language.preparation.prepare import prepare
    from core.unlearning.families.language.preparation.sources import read_names

    try:
        listed = read_names(names) if names else []
        loaded = _load(spec, precision)
        with _bar() as step:
            made = prepare(loaded, out_dir, pictures=pictures, names=listed, seed=seed, step=step)
    except UnlearningError as error:
        raise exits.CommandError(error.detail) from None
    if json:
        print_json(_as_json(made))
    else:
        _show(made)


def _spec(context: typer.Context, model: str, family: str | None) -> ModelSpec:
    """A folder and a hub id as they are; for anything else the server is asked."""
    from core.unlearning.types import ModelSpec

    if Path(model).is_dir():
        return ModelSpec(model, family or _family_of(Path(model)), model)
    if "/" in model:
        return ModelSpec(model, family or "mllm", model)
    with connect(context) as client:
        registered = client.models.get(model)
    return ModelSpec(registered.id, family or registered.family, registered.source, registered.revision)


def _family_of(folder: Path) -> str:
    try:
        config = jsonlib.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise exits.CommandError(f"{folder} holds no model: its config.json cannot be read") from None
    return "mllm" if any(name in config for name in _SEES) else "llm"


def _load(spec: ModelSpec, precision: str) -> LanguageModel:
    from core.unlearning.families.registry import load_family

    say(f"loading {spec.id}")
    loaded: LanguageModel = load_family(spec.family).load(spec, precision=precision)
    return loaded


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<34}"), BarColumn(bar_width=None), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=err()) as bar:
        tasks = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=total)

        yield step


def _as_json(made: Prepared) -> dict[str, object]:
    rows = [{"group": group, "part": part, "rows": count} for (group, part), count in sorted(made.rows.items())]
    return {"path": str(made.folder), "people": made.people, "rows": rows, "unreadable": list(made.unreadable)}


def _show(made: Prepared) -> None:
    from rich.table import Table

    for reason in made.unreadable:
        say(f"left out: {reason}")
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for number, title in enumerate(("rows", *_PARTS)):
        table.add_column(title, justify="right" if number else "left")
    for group in dict.fromkeys(group for group, _ in sorted(made.rows)):
        table.add_row(group, *(str(made.rows.get((group, part), 0)) for part in _PARTS))
    out().print(table)
    say(f"{made.folder}: {made.people} people whom the model knows; register the model with --retain-set {made.folder}")
