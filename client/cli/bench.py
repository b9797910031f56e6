"""`lethe bench`: compare methods on a model of one's own, on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from client.cli import bench_mllm, exits
from client.cli.context import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from core.unlearning.bench.concepts.setup import ConceptSetup
    from core.unlearning.bench.concepts.summary import ConceptRow

app = typer.Typer(help="Compare methods on this machine; no server is needed.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Compare methods on this machine; no server is needed."""


app.command("mllm")(bench_mllm.mllm)


@app.command("concepts")
def concepts(
    pipeline: Annotated[str, typer.Argument(help="A diffusers pipeline: a folder or a hub id.")],
    work: Annotated[Path, typer.Option(help="Where results are kept; a second run goes on from there.")],
    prompts: Annotated[
        Path | None, typer.Option(help="A folder with concepts.jsonl. Without: a list like HUB's, in the package.")
    ] = None,
    classifiers: Annotated[
        Path | None, typer.Option(help="A folder with an image classifier for each kind: identity/, object/, style/.")
    ] = None,
    clip: Annotated[str | None, typer.Option(help="A CLIP model: looks where there are no classifiers.")] = None,
    methods: Annotated[list[str] | None, typer.Option(help="Repeatable. Without: all.")] = None,
    targets: Annotated[int, typer.Option(min=1, help="Of each kind.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each target.")] = 3,
    together: Annotated[list[int] | None, typer.Option(help="Targets of a kind in one job. Repeatable.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps of a picture.")] = 30,
    guidance: Annotated[float, typer.Option(min=0.1, help="Classifier-free guidance.")] = 7.5,
    json: JsonFlag = False,
) -> None:
    """Forget identities, objects and styles with each method, and measure what the pipeline then draws."""
    from core.unlearning.bench.concepts.cases import CONTENDERS, cases, first_of_each_kind
    from core.unlearning.bench.concepts.hub import FOLDER
    from core.unlearning.bench.concepts.summary import summary_rows
    from core.unlearning.families.diffusion import concepts as listed

    unknown = sorted(set(methods or ()) - set(CONTENDERS))
    if unknown:
        raise exits.CommandError(f"no method {unknown[0]!r}; there is: {', '.join(CONTENDERS)}", exits.USAGE)
    if classifiers is None and clip is None:
        raise exits.CommandError("pass --classifiers DIR or --clip MODEL: somebody has to look", exits.USAGE)
    folder = prompts or FOLDER
    setup = _prepare(pipeline, folder, classifiers, clip, work, {"draw_steps": steps, "draw_guidance": guidance})
    known = listed.read(folder)
    planned = list(cases(known, methods or list(CONTENDERS), targets, range(seeds), together or ()))
    results = _run(replace(setup, scored=first_of_each_kind(known, 1)), planned)
    if json:
        print_json({"results": results})
    else:
        _show(summary_rows(results))


def _prepare(
    pipeline: str, folder: Path, classifiers: Path | None, clip: str | None, work: Path, drawing: dict[str, float]
) -> ConceptSetup:
    from core.unlearning.bench.concepts.setup import ConceptSetup, open_judges
    from core.unlearning.families.diffusion.load import load
    from core.unlearning.types import ModelSpec

    model = load(ModelSpec("bench", "diffusion", pipeline, defaults=drawing))
    judges = open_judges(classifiers, clip, str(model.device))
    return ConceptSetup(model, judges, folder, work)


def _run(setup: ConceptSetup, planned: list[Any]) -> list[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from core.unlearning.bench.concepts.run import run
    from core.unlearning.progress import Silent

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err()) as bar:
        task = bar.add_task("jobs", total=len(planned))
        return run(setup, planned, Silent(), lambda _: bar.advance(task))


def _show(found: list[ConceptRow]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    titles = ("method", "at once", "jobs", "UA", "IRA", "CRA", "words found again", "seconds", "KB")
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left")
    for row in found:
        shares = [row.measures.get(name) for name in ("ua", "ira", "cra", "attacks inverted_words")]
        cells = [f"{share[0]:.2f}" if share else "-" for share in shares]
        size = f"{row.size / 1000:.0f}"
        table.add_row(row.title, str(row.together), str(row.count), *cells, f"{row.seconds:.1f}", size)
    out().print(table)
