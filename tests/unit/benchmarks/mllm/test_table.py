"""The bars of the benchmark of methods on the reference model."""

from __future__ import annotations

from typing import Any

from benchmarks.mllm.table import bars, count_seeds
from core.unlearning.bench.memory.summary import leaderboard_rows

OVERALL = ("harmonic_mean", "answer_probability", "unseen_kept", "understanding_kept", "not_over_refusing")


def _result(name: str, method: str, forgotten: float, drop: float, seed: int = 0) -> dict[str, Any]:
    numbers = {"forgotten": forgotten, "utility_drop": drop, **dict.fromkeys(OVERALL, 0.5)}
    records = [{"split": "overall", "metric": m, "value": v, "count": 1} for m, v in numbers.items()]
    case = {"contender": name, "method": method, "ratio": 5, "seed": seed, "role": "test", "error": None}
    return {**case, "records": records, "robust": [], "seconds": 1.0, "bytes": 1, "case_processor_seconds": 40.0}


def _lead(*others: dict[str, Any], drop: float = 0.0) -> Any:
    found = [_result("smfa", "smfa", 0.99, drop), *others]
    return next(bar for bar in bars(leaderboard_rows(found), found) if "lead" in bar.name)


def test_the_lead_is_over_the_best_baseline_that_keeps_as_much():
    published, npo = _result("smfa-paper", "smfa", 1.0, 0.0), _result("npo", "npo", 0.9, 0.02)
    bar = _lead(published, npo, _result("kl", "kl", 1.0, 0.3))
    assert (round(bar.value, 9), bar.met, bar.note) == (0.09, True, "the best baseline is npo: 0.900")
    assert _lead(_result("idk", "idk", 1.0, 0.0)).met is False
    assert _lead(drop=0.03).value == -1


def test_the_whole_takes_its_time_from_what_was_run():
    found = [_result("smfa", "smfa", 1.0, 0.0), _result("npo", "npo", 1.0, 0.0), _result("npo", "npo", 1.0, 0.0, 1)]
    minutes = next(bar for bar in bars(leaderboard_rows(found), found) if "minutes" in bar.name)
    assert minutes.value == 2 * 40 * 9 / 2 / 60
    assert minutes.met is None, "not all methods were run"
    assert count_seeds(leaderboard_rows(found)) == "5 %: 2 of npo; 1 of smfa"


def test_erasure_is_judged_beside_the_oracle_from_either_side():
    def attacked(seed: int, auc: float) -> dict[str, Any]:
        numbers = {"membership_loss_auc": auc, "oracle_membership_loss_auc": 0.4, "exact_int4": 0.0}
        robust = [{"split": "forget_text_memory", "metric": m, "value": v, "count": 1} for m, v in numbers.items()]
        robust += [{"split": "overall", "metric": "relearned_30_above_oracle", "value": 0.2, "count": 1}]
        return {**_result("smfa-erasure", "smfa", 1.0, 0.0, seed), "robust": robust}

    found = [attacked(0, 0.2), attacked(1, 0.7), _result("smfa-erasure", "smfa", 1.0, 0.0, 2)]
    table = bars(leaderboard_rows(found), found)
    shown = {bar.name.partition("erasure, ")[2]: bar for bar in table if "erasure, " in bar.name}
    gap = shown["membership AUC, names, gap to the oracle"]
    assert (round(gap.value, 9), gap.met, gap.n) == (0.25, False, 2)
    assert (shown["relearned from 30 %, above the oracle"].met, shown["INT4, names, recall"].met) == (False, True)
    assert shown["drop of people never seen"].value == 0.5
