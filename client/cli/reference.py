"""`lethe reference`: small real models of synthetic worlds, to try everything on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.cli import exits
from client.cli.context import JsonFlag, err, print_json
from client.level import Level

app = typer.Typer(help="Small real models of synthetic worlds, to try everything on.", no_args_is_help=True)

Family = Annotated[str, typer.Argument(help="The world, by the family of its model, such as mllm.")]


@app.command("sample")
def sample(
    family: Family,
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
        names = _subjects(family)
        if json:
            print_json({"subjects": names})
        else:
            typer.echo("\n".join(names))
        return
    if not subject or out_dir is None:
        raise exits.CommandError("pass --subject NAME and --out DIR, or --list to see the names", exits.USAGE)
    _write(family, subject, out_dir, seed, level)
    if json:
        print_json({"path": str(out_dir)})
    else:
        typer.echo(f"{out_dir}: request.json, images/ and probes.json; post it with: lethe submit --request {out_dir}")


@app.command("build")
def build(
    family: Family,
    out_dir: Annotated[Path | None, typer.Option("--out", help="The folder to write.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    oracle: Annotated[
        bool, typer.Option("--oracle", help="A model that never learned the subjects of the standard requests.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Train the world's model from scratch, an ordinary checkpoint folder. Takes minutes on a CPU."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    _subjects(family)
    target = out_dir or Path(f"reference-{family}")
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err()) as bar:
        task = bar.add_task("training", total=None)

        def show(step: int, steps: int, loss: float) -> None:
            bar.update(task, completed=step, total=steps, description=f"training, loss {loss:.3f}")

        from core.unlearning import reference

        try:
            reference.build(family, target, seed, show, oracle=oracle)
        except ValueError as error:
            raise exits.CommandError(str(error), exits.USAGE) from None
    if json:
        print_json({"path": str(target)})
    else:
        typer.echo(f"{target}: load it with {reference.loaded_with(family)}.from_pretrained")


def _subjects(family: str) -> list[str]:
    from core.unlearning import reference

    try:
        return reference.subjects(family)
    except ValueError as error:
        raise exits.CommandError(str(error), exits.USAGE) from None


def _write(family: str, subjects: list[str], target: Path, seed: int, level: Level | None) -> None:
    from core.unlearning import reference

    try:
        reference.sample(family, subjects, target, seed, level=level)
    except ValueError as error:
        raise exits.CommandError(str(error), exits.USAGE) from None
