from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.attempt.progress import PHASE_SHARES, Fraction

PHASES = ["validating", "loading", "training", "sculpting", "evaluating", "packaging"]
moves = st.lists(st.one_of(st.none(), st.tuples(st.sampled_from(PHASES), st.one_of(st.none(), st.integers(0, 9)))))


@given(moves)
def test_the_fraction_never_goes_down_and_stays_within_one(steps: list[tuple[str, int | None] | None]) -> None:
    fraction, last = Fraction(), 0.0
    for move in steps:
        if move is None:
            fraction.step()
        else:
            fraction.enter(*move)  # type: ignore[arg-type]
        assert last <= fraction.value <= 1.0
        last = fraction.value


def test_a_job_as_planned_ends_at_one() -> None:
    fraction = Fraction()
    for phase, _ in PHASE_SHARES:
        fraction.enter(phase, 3)
        for _ in range(3):
            fraction.step()
    assert abs(fraction.value - 1.0) < 1e-9


def test_half_of_a_phase_is_half_of_its_share() -> None:
    fraction = Fraction()
    fraction.enter("training", 10)
    before = fraction.value
    for _ in range(5):
        fraction.step()
    share = dict(PHASE_SHARES)["training"]
    assert abs(fraction.value - before - share / 2) < 1e-9


def test_a_job_that_is_taken_up_again_begins_where_it_was() -> None:
    fraction = Fraction(0.4)
    fraction.enter("validating", None)
    assert fraction.value == 0.4
    fraction.enter("training", 10, done=9)
    before = fraction.value
    fraction.step()
    assert 0.4 < before < fraction.value
