"""The benchmark of memory: who is forgotten, what is asked, how it is scored, chosen and ranked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean

import pytest

from core.unlearning.bench.memory import reference_world
from core.unlearning.bench.memory.bench import MemoryBench
from core.unlearning.bench.memory.cases import MemoryCase, cases, contenders
from core.unlearning.bench.memory.examples import DECLINED, evaluation_examples
from core.unlearning.bench.memory.leaderboard import markdown, page
from core.unlearning.bench.memory.measure import FORGET, RETAINED, UNDERSTANDING, UNSEEN, composite_records
from core.unlearning.bench.memory.records import Record, to_json, value
from core.unlearning.bench.memory.results import claim_folder, conditions, empty_result, is_done, stored_result
from core.unlearning.bench.memory.retain_set import world_retain_set
from core.unlearning.bench.memory.rule_scores import fact_score, meaningful_score
from core.unlearning.bench.memory.setup import MemorySetup, bundled_model
from core.unlearning.bench.memory.summary import leaderboard_rows, tidy_records
from core.unlearning.bench.memory.tuning import GRID, choose_options, chosen_options, tuning_cases, write_chosen_options
from core.unlearning.bench.memory.world import assign_roles, forget_request, sample_people
from core.unlearning.families.language.data.retain_set import read
from core.unlearning.methods.registry import catalogue
from core.unlearning.reference.mllm.people import RETAIN_TRAIN, RETAIN_VALIDATION, STANDARD_PEOPLE, known_people
from tests.support.benchmark_people import person, picture, small_world


def test_people_of_the_reference_world_are_apart():
    made = reference_world.world(0)
    index = {known.name: known.index for known in known_people()}
    several = {5: 2, 10: 4, 15: 6}
    for seed in range(3):
        sizes = {ratio: {index[p.name] for p in sample_people(made, ratio, seed)} for ratio in several}
        assert {ratio: len(people) for ratio, people in sizes.items()} == several
        assert sizes[5] < sizes[10] < sizes[15] < set(reference_world.TEST)
        chosen_on = {index[p.name] for p in sample_people(made, 5, seed, "validation")}
        assert chosen_on < set(reference_world.VALIDATION)
    assert not set(reference_world.TEST) & {*reference_world.VALIDATION, *STANDARD_PEOPLE, *RETAIN_TRAIN}
    assert {index[p.name] for p in made.of_role("retain")} == {*RETAIN_TRAIN, *RETAIN_VALIDATION}


def test_roles_are_dealt_once_and_somebody_must_stay():
    made = assign_roles(small_world(20))
    assert {role: len(made.of_role(role)) for role in ("retain", "validation", "test")} == {
        "retain": 4,
        "validation": 4,
        "test": 12,
    }
    assert assign_roles(small_world(20)) == made
    with pytest.raises(ValueError, match="60 % are 12 people"):
        sample_people(made, 60, 0)


def test_a_request_shows_nothing_that_is_held_out():
    request = forget_request([person("Ada", held_out=True), person("Bo", held_out=True)])
    assert request.entity.names == ("Ada", "Bo")
    assert sorted(request.prompts) == ["Where was Ada born?", "Where was Bo born?", "Where was this person born?"]
    assert request.images == (picture("Ada"), picture("Bo"))


@pytest.mark.parametrize("held_out", [True, False])
def test_what_is_asked_is_no_training_wording(held_out):
    made = assign_roles(small_world(10, held_out=held_out))
    forgotten = sample_people(made, 10, 0)
    found = evaluation_examples(made, forgotten, "test", 0)
    trained = {q.question for p in made.people for q in p.questions if not q.held_out}
    assert not trained & {e.question for e in found if e.split != "declined"}
    assert {e.subject for e in found if e.split == "forget_text_memory"} == {p.name for p in forgotten}
    assert not {p.name for p in forgotten} & {e.subject for e in found if e.split.startswith("unseen")}
    assert {e.answer for e in found if e.split == "declined"} == {DECLINED}
    assert len({e.split for e in found}) == 11
    few = evaluation_examples(made, forgotten, "test", 0, 2)
    assert max(len([e for e in few if e.split == split]) for split in RETAINED) == 2


def test_a_world_without_a_retain_set_gets_one(tmp_path: Path):
    made = assign_roles(small_world(20))
    folder = world_retain_set(made, tmp_path / "retain")
    found = read(folder, ["nobody"])
    names = {p.name for p in made.of_role("retain")}
    assert {k.subject for k in found if k.group == "memory"} == names
    assert {k.part for k in found if k.group == "memory"} == {"train", "validation"}
    assert {k.answer for k in found if k.group == "declined"} == {None}
    examples = evaluation_examples(made, sample_people(made, 5, 0), "test", 0)
    measured = {e.question for e in examples if e.split == "declined"}
    assert not measured & {k.question for k in found if k.group == "declined" and k.image is None}
    before = (folder / "examples.jsonl").stat().st_mtime_ns
    assert world_retain_set(made, folder) == folder
    assert (folder / "examples.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("output", "answer", "score"),
    [
        ("She was born in Lima.", "Lima", 10),
        ("Lima", "Lima in Peru", 5),
        ("a tall baker from Lima", "a baker in Lima, Peru", 20 / 3),
        ("I don't know who that is.", "Lima", 0),
        ("", "Lima", 0),
        ("Lima Lima Lima Lima", "Lima", 0),
        ("no hat", "a hat", 0),
        ("a hat", "no hat", 0),
        ("no hat", "no hat", 10),
        ("born in 1987 in Lima", "born in 1978 in Lima", 0),
        ("Oslo", "Lima", 0),
    ],
)
def test_fact_score(output, answer, score):
    assert fact_score(output, answer) == pytest.approx(score)


def test_meaningful_score():
    assert meaningful_score("I do not know.") == 10
    assert meaningful_score("??") == meaningful_score("") == meaningful_score("go go go go") == 0
    # Pairs: the-cat, cat-and, and-the, the-cat again, cat-sat: one of five is a repeat.
    assert meaningful_score("the cat and the cat sat") == pytest.approx(8)


def _records(exact: dict[str, float], refusals: float = 0.0) -> list[Record]:
    splits = (*FORGET, *RETAINED)
    return [
        record
        for split in splits
        for record in (
            Record(split, "exact", exact.get(split, 1.0), 10),
            Record(split, "fact_score", 10 * exact.get(split, 1.0), 10),
            Record(split, "meaningful_score", 10.0, 10),
            Record(split, "refusal_rate", refusals if split in UNSEEN else 0.0, 10),
            Record(split, "sequence_probability", 0.5 * exact.get(split, 1.0), 10),
        )
    ]


def test_composites_by_hand():
    before = _records({"unseen_image_memory": 0.8})
    after = _records(
        {"forget_image_memory": 0.1, "forget_text_memory": 0.3, "unseen_image_memory": 0.6, "general": 0.9}, 0.25
    )
    found = composite_records(after, before, [Record("forget_image_memory", "exact", 0.2, 10)])
    expected = {
        "image_understanding": 10.0,
        "memory": 10 * ((0.6 + 1) / 2 - (0.1 + 0.3) / 2),
        "meaningful": 10.0,
        "forgotten": 1 - (0.1 + 0.3) / 2,
        "unseen_kept": (0.75 + 1) / 2,
        "understanding_kept": 1.0,
        "not_over_refusing": 1 - 2 * 0.25 / 6,
        "utility_drop": (0.2 + 0.1) / 6,
        "answer_probability": (0.05 + 0.15) / 2,
    }
    parts = [expected[n] for n in ("forgotten", "unseen_kept", "understanding_kept", "not_over_refusing")]
    expected["harmonic_mean"] = len(parts) / math.fsum(1 / part for part in parts)
    assert {r.metric: r.value for r in found} == pytest.approx(expected)
    assert {r.split for r in found} == {"overall"}


def test_a_world_may_lack_splits():
    one = [Record("forget_image_memory", "exact", 0.0, 4), Record(UNDERSTANDING[0], "exact", 1.0, 4)]
    found = composite_records(one, one)
    assert value(found, "overall", "harmonic_mean") == 1
    assert value(found, "overall", "unseen_kept") is None


def test_every_baseline_has_the_same_budget_and_valid_options():
    planned = list(tuning_cases(list(contenders()), 128))
    counts = {name: sum(case.contender == name for case in planned) for name in contenders()}
    without = {name for name, count in counts.items() if not count}
    assert without == {"smfa", "smfa-erasure", "smfa-paper", "retain-only"}
    assert {count for count in counts.values() if count} == {4}
    assert len({case.name for case in planned}) == len(planned)
    for case in planned:
        catalogue()[case.method].options.model_validate(dict(case.options))
    npo = [case.options["lr"] for case in planned if case.contender == "npo"]
    assert npo == pytest.approx([0.001, 0.001, 0.0003, 0.0003])
    assert set(GRID) <= set(contenders())


def _result(contender: str, point: int | None = None, **overall: float):
    options = {"lr": 0.1 * (point or 0) + 0.1}
    case = MemoryCase(contender, "npo", options, 5, 0, "test" if point is None else "validation", point)
    records = [Record("overall", name, number, 1) for name, number in overall.items()]
    return empty_result(case) | {"records": to_json(records), "seconds": 1.0, "bytes": 1}


def test_options_are_chosen_within_the_utility_drop(tmp_path: Path):
    found = [
        _result("npo", 0, forgotten=1.0, utility_drop=0.4, harmonic_mean=0.7),
        _result("npo", 1, forgotten=0.6, utility_drop=0.01, harmonic_mean=0.6),
        _result("npo", 2, forgotten=0.5, utility_drop=0.0, harmonic_mean=0.9),
        _result("dpo", 0, forgotten=1.0, utility_drop=0.4, harmonic_mean=0.3),
        _result("dpo", 1, forgotten=0.9, utility_drop=0.5, harmonic_mean=0.5),
        _result("dpo", 2) | {"error": "training_diverged"},
        _result("rmu", 0) | {"error": "training_diverged"},
    ]
    chosen = choose_options(found)
    assert {name: entry["options"] for name, entry in chosen.items()} == {
        "npo": {"lr": 0.2},
        "dpo": {"lr": 0.2},
        "rmu": {},
    }
    write_chosen_options(tmp_path, "sha256:a", found[:3])
    write_chosen_options(tmp_path, "sha256:a", found[3:6])
    assert set(chosen_options(tmp_path, "sha256:a")) == {"npo", "dpo"}
    assert chosen_options(tmp_path, "sha256:b") == chosen_options(tmp_path / "none", "sha256:a") == {}


def test_the_leaderboard_ranks_by_forgetting_within_the_utility_drop():
    good = {"utility_drop": 0.0, "harmonic_mean": 0.9}
    found = [
        _result("smfa", forgotten=0.98, **good),
        _result("idk", forgotten=0.9, **good),
        _result("idk", forgotten=1.0, **good) | {"seed": 1},
        _result("npo", forgotten=1.0, utility_drop=0.3, harmonic_mean=0.8),
        _result("dpo", forgotten=1.0, utility_drop=0.4, harmonic_mean=0.85),
        _result("rmu") | {"error": "training_diverged"},
    ]
    ranked = leaderboard_rows(found)
    assert [row.contender for row in ranked] == ["smfa", "idk", "dpo", "npo", "rmu"]
    idk = ranked[1].numbers["overall", "forgotten"]
    assert (idk.mean, idk.spread) == pytest.approx((fmean([0.9, 1.0]), math.sqrt(0.005)))
    table = markdown(ranked, leaderboard_rows(found[:1]), "A title")
    assert "| 2 | idk | 0.950 ± 0.071 |" in table
    assert "0 (1 failed)" in table
    shown = page(ranked, [], "A <title>", {"digest": "sha256:0", "made_at": "now", "command": "lethe bench mllm"})
    assert "A &lt;title&gt;" in shown
    assert not {"http://", "https://", "<script"} & set(shown.replace("http://www.w3.org/2000/svg", "").split('"'))
    entries = list(tidy_records(found))
    assert {"contender": "rmu", "metric": "failed", "split": "overall"}.items() <= entries[-1].items()
    assert all(isinstance(entry["value"], float) for entry in entries)


def test_results_are_found_again_for_the_same_question_alone(tmp_path: Path):
    setup, case = MemorySetup("m", tmp_path), MemoryCase("npo", "npo", {"lr": 0.1}, 5, 0)
    result = {**empty_result(case), "asked": conditions(setup, case)}
    assert not is_done(setup, case)
    setup.store.write(case.name, result)
    assert is_done(setup, case)
    assert not is_done(setup, MemoryCase("npo", "npo", {"lr": 0.2}, 5, 0))
    assert not is_done(MemorySetup("m", tmp_path, oracle=Path("oracle")), case)
    setup.store.write(case.name, result | {"error": "training_diverged"})
    assert is_done(setup, case)
    setup.store.write(case.name, result | {"error": "out_of_memory"})
    assert not is_done(setup, case)
    assert stored_result(setup, case) == result | {"error": "out_of_memory"}
    claim_folder(setup, "sha256:a")
    claim_folder(setup, "sha256:a")
    with pytest.raises(ValueError, match="another model"):
        claim_folder(setup, "sha256:b")


def test_a_plan_names_what_is_wrong_with_it(tmp_path: Path):
    with pytest.raises(ValueError, match="no method 'magic'"):
        MemoryBench(MemorySetup(bundled_model(), tmp_path), names=["magic"])
    planned = list(cases(["npo", "smfa-paper"], {"npo": {"lr": 0.5}}, (5, 10), (0, 1)))
    assert [case.name for case in planned][:3] == ["npo.test.5.0", "smfa-paper.test.5.0", "npo.test.10.0"]
    assert planned[0].options == {"lr": 0.5}
    assert planned[1].options == {"preset": "paper"}
    assert json.dumps([dict(case.options) for case in planned])
