"""What every family of models offers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.families.info import ORACLE
from core.unlearning.progress import Progress
from core.unlearning.types import Example, ForgetRequest, JobData, Level, Modality, ModelSpec

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated


class Family(Protocol):
    """A kind of model: how it is loaded, and how a request becomes examples for it."""

    name: str

    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> Any:
        """The registered model, ready to answer. Raises `ModelLoadError`."""

    def build_data(
        self, model: Any, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """Examples for training, for choosing k, and for the report. Raises `InvalidInputError`."""

    def remembering(
        self, model: Any, checkpoints: Checkpoints, progress: Progress, part: str
    ) -> AbstractContextManager[None]:
        """Inside, what the unchanged model says is put aside as `part`, and what is there is not asked again."""

    def evaluate(self, model: Any, examples: Sequence[Example], *, level: Level, progress: Progress) -> Evaluated:
        """Every metric of every split among `examples`. Calls `progress.step()` `evaluation_steps` times."""

    def evaluate_packed(
        self, model: Any, adapter: Path, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> Evaluated:
        """The same of the model as the stock library loads it with the packed adapter; afterwards it is as it was.

        Raises `UnlearningError` for an adapter that the library does not load whole.
        """

    def evaluation_steps(self, examples: Sequence[Example], level: Level, *, packed: bool = False) -> int:
        """How often `evaluate`, or `evaluate_packed`, calls `progress.step()`."""

    def check_effect(self, adapter: Path) -> None:
        """Raises `IneffectivePatchError` for an adapter whose weights add up to nothing."""

    def compared(self, before: Any, after: Any) -> Evaluated:
        """`after` with what only two evaluations show together.

        Raises `IneffectivePatchError` where the patched model did nothing otherwise than the unchanged one.
        """

    def reference(self, spec: ModelSpec, data: JobData, modalities: Sequence[Modality]) -> str | None:
        """Where a model is that never learned what is forgotten; None where no such model is registered."""

    def beside_reference(self, found: Any, reference: Any) -> Evaluated:
        """`found` with how near its predictions are to the reference's, where the family measures that."""

    def out_of_the_way(self, model: Any) -> AbstractContextManager[None]:
        """Inside, the model leaves the accelerator to others."""


def registered_oracle(spec: ModelSpec) -> str | None:
    """The one model that is registered as never having learned any subject."""
    source = spec.defaults.get(ORACLE)
    return str(source) if source else None
