"""What the model would say if it could not decline: greedy answers that may not begin as its refusals do.

Who holds the weights can ask so; who only sends prompts cannot. A model that never knew has to guess.
"""

from __future__ import annotations

from core.unlearning.families.mllm.asker import Asker
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.memory_bench.records import Record
from core.unlearning.memory_bench.robustness.asking import Asking, asked, recalls
from core.unlearning.memory_bench.robustness.context import Robust
from core.unlearning.progress import Progress

NAME = "refusal_barred"


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """Recall by view. It is no prompt, so it does not count as one in the worst of the attacks."""
    facts = tuple(context.facts)
    insisting = Asking(NAME, facts, lambda model: Asker(model).insist([(e.question, e.image) for e in facts]))
    found = [Record(r.split, NAME, r.value, r.count) for r in recalls([asked(insisting, lm)])]
    progress.step()
    return found
