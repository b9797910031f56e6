"""The catalogue entry and options of `closed-form`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.diffusion.options import DiffusionOptions
from core.unlearning.methods.base import MethodInfo


class Options(DiffusionOptions):
    """Options of `closed-form`."""

    anchor: str | None = Field(
        None,
        max_length=200,
        description="What is drawn in the entity's place; null: the request's `replacement`, or else what things of "
        "the entity's kind are called; where the tokenizer has no word for that, a mixture of others of the kind.",
    )
    erase_weight: float = Field(1.0, gt=0, description="Weight of the erased text states' mean error.")
    keep_weight: float = Field(3.0, ge=0, description="Weight of the kept text states' mean error.")
    ridge: float = Field(
        1e-4, gt=0, le=1, description="How much all else is held, as a part of the text states' mean square."
    )
    rank: int | None = Field(
        8,
        ge=1,
        le=512,
        description="Rank of the patch for each name in the request; null: exactly the solution, of whatever rank.",
    )
    rounds: int = Field(
        0,
        ge=0,
        le=20,
        description="Rounds at most in which what would bring the entity back is erased too. Each costs some of what "
        "is near the entity.",
    )
    stop_below: float = Field(
        0.1, ge=0, le=1, description="No more rounds once the best embedding restores less than this part of it."
    )
    searches: int = Field(
        3,
        ge=0,
        le=20,
        description="For a request of pictures without a name: how often words for them are looked for in the edited "
        "model, and erased too.",
    )


INFO = MethodInfo(
    name="closed-form",
    title="Closed-form erasure of cross-attention keys and values",
    families=("diffusion",),
    paper="Gandikota et al., Unified Concept Editing (WACV 2024); Gong et al., RECE (ECCV 2024)",
    options=Options,
    needs_words=True,
    keeps_images=False,
)
