"""What is seen in single pictures, as a verdict counts it."""

from __future__ import annotations

from core.unlearning.evaluation.verdict import judge
from core.unlearning.families.diffusion.config import MEASURES
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation, PictureMetrics, PictureRow
from core.unlearning.types import Split


def row(split: Split, prompt: str, recognised: bool | None) -> PictureRow:
    return PictureRow(split, prompt, "a fern", recognised, 0.5, 0.3, None)


def drawn(recognised: bool) -> PictureEvaluation:
    """Two prompts of three pictures each, of which nothing can judge one."""
    rows = [row("forget_concept", f"prompt {n // 3}", recognised if n else None) for n in range(6)]
    rows += [row("retain_same", f"another {n}", True) for n in range(4)]
    splits = {
        "forget_concept": PictureMetrics(6, 5, ua=1.0 - recognised, confidence=0.5),
        "retain_same": PictureMetrics(4, 4, ira=1.0),
    }
    return PictureEvaluation("standard", splits, rows=tuple(rows))


def test_pictures_of_one_prompt_go_together() -> None:
    outcomes = drawn(False).outcomes("forget_concept", "ua")
    assert outcomes is not None
    assert outcomes.values == (1.0,) * 5
    assert outcomes.clusters == (0, 0, 1, 1, 1)
    assert drawn(False).outcomes("forget_concept", "confidence") is None
    assert drawn(False).outcomes("forget_concept", "ira") is None


def test_the_verdict_counts_them() -> None:
    checks = {check.key: check for check in judge(drawn(True), drawn(False), MEASURES).checks}
    forgotten, kept = checks["forget_concept.ua"], checks["retain_same.ira.drop"]
    assert (forgotten.failed, forgotten.count, forgotten.clusters) == (0, 5, 2)
    assert forgotten.evidence is not None
    assert forgotten.evidence.startswith("none of 5 seen, over 2 prompts; at most ")
    assert kept.evidence == "none of 4 lost; at most 53 in 100 (95 % sure)"
