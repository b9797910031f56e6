"""What `benchmarks.smfa_ablation` leaves out in turn."""

from __future__ import annotations

from benchmarks.smfa.ablation import VARIANTS
from core.unlearning.methods.smfa.config import Options


def test_every_variant_is_a_setting_of_its_own() -> None:
    settings = [Options.model_validate(dict(changed)).model_dump_json() for changed in VARIANTS.values()]
    assert settings[0] == Options().model_dump_json()
    assert len(set(settings)) == len(VARIANTS)
