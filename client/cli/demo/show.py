"""What the demo prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from client.cli.demo.questions import Question


def show_heading(console: Console, title: str, more: str = "") -> None:
    """The heading of a step."""
    from rich.text import Text

    console.print(Text.assemble("\n", (title, "bold"), f"  {more}"))


def show_questions(console: Console, questions: Sequence[Question], answers: Sequence[str]) -> None:
    """Questions and what the model says now."""
    _show(console, ("question", "the model says"), questions, [(answer,) for answer in answers])


def show_answers(console: Console, questions: Sequence[Question], before: Sequence[str], after: Sequence[str]) -> None:
    """Questions, the answers before, and the answers with the patch. Green is as it should be."""
    from rich.text import Text

    rows: list[tuple[str | Text, ...]] = []
    for question, then, now in zip(questions, before, after, strict=True):
        good = question.is_as_wanted(then, now)
        rows.append((then, Text(now, style="green" if good else "red")))
    _show(console, ("question", "before", "after"), questions, rows)


def show_perplexity(console: Console, before: float, after: float) -> None:
    """How much worse the patched model foretells ordinary text."""
    console.print(f"perplexity of an English text: {before:.2f} before, {after:.2f} after ({after / before:.3f} x)")


def show_end(console: Console, output: Path, base: str, loader: str, seconds: float) -> None:
    """Where everything is, and how to use it. `loader`: the class of transformers that loads the base."""
    show_heading(console, "4. Yours", f"{seconds:.0f} s")
    patch, report, adapter = output / "patch.zip", output / "report.html", output / "patch" / "adapter"
    if not patch.exists():
        return
    console.print(f"patch   {patch}  (check it: lethe verify {patch})\nreport  {report}", soft_wrap=True)
    console.print("load it anywhere, without Lethe:\n")
    console.print(
        f"  from transformers import {loader}; from peft import PeftModel",
        style="cyan",
        soft_wrap=True,
    )
    loads = (f"{loader}.from_pretrained('{base}')", f"PeftModel.from_pretrained(model, '{adapter}')")
    for load in loads:
        console.print(f"  model = {load}", style="cyan", soft_wrap=True)


def _show(
    console: Console, columns: Sequence[str], questions: Sequence[Question], rows: Sequence[tuple[str | Text, ...]]
) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column)
    heading = ""
    for question, row in zip(questions, rows, strict=True):
        if question.about != heading:
            heading = question.about
            table.add_row(Text(heading, style="bold"))
        table.add_row(f"  {question.question}", *row)
    console.print(table)
