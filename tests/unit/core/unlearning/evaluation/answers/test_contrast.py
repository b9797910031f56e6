"""Facts by contrast, from numbers made by hand."""

from __future__ import annotations

from math import log

from core.unlearning.evaluation.answers.contrast import ScoredWord, fact_spans

Row = tuple[str, tuple[float, ...]]


def _row(text: str, subject: float, *controls: float) -> Row:
    """A word, its probability of the subject, and of each control."""
    return text, (subject, *controls)


def _scored(*rows: Row) -> tuple[str, list[ScoredWord]]:
    words: list[ScoredWord] = []
    at = 0
    for text, (subject, *controls) in rows:
        word = text.rstrip(".,")
        words.append(ScoredWord(word, at, at + len(word), log(subject), tuple(map(log, controls))))
        at += len(text) + 1
    return " ".join(text for text, *_ in rows), words


def _texts(*rows: Row) -> list[str]:
    return [span.text for span in fact_spans(*_scored(*rows))]


def test_a_word_that_only_the_subject_makes_likely_is_a_fact() -> None:
    rows = (
        _row("She", 0.9, 0.9, 0.8),
        _row("is", 0.9, 0.9, 0.9),
        _row("a", 0.9, 0.8, 0.9),
        _row("baker.", 0.8, 0.01, 0.02),
    )
    assert _texts(*rows) == ["baker"]


def test_a_likely_word_that_controls_have_too_is_none() -> None:
    assert _texts(_row("She", 0.9, 0.9), _row("is", 0.9, 0.9), _row("a", 0.9, 0.9), _row("person.", 0.9, 0.7)) == []


def test_an_unlikely_word_can_be_one_if_controls_make_it_unlikelier() -> None:
    assert _texts(_row("Perhaps", 0.3, 0.3), _row("Lima.", 0.05, 0.0001)) == ["Lima"]


def test_what_follows_from_the_words_before_belongs_to_the_fact() -> None:
    rows = _row("in", 0.8, 0.7), _row("Harrow", 0.7, 0.001), _row("Bay", 0.99, 0.98), _row("now.", 0.2, 0.2)
    assert _texts(*rows) == ["Harrow Bay"]


def test_light_words_join_what_stands_out_on_both_sides_and_end_no_fact() -> None:
    rows = (
        *(_row("plays", 0.5, 0.02), _row("the", 0.9, 0.9), _row("cello", 0.6, 0.001)),
        *(_row("in", 0.6, 0.5), _row("a", 0.7, 0.7), _row("group.", 0.3, 0.3)),
    )
    assert _texts(*rows) == ["cello"]
    joined = _row("queen", 0.6, 0.001), _row("of", 0.9, 0.9), _row("the", 0.9, 0.9), _row("marshes.", 0.5, 0.001)
    assert _texts(*joined) == ["queen of the marshes"]


def test_a_mark_ends_a_fact() -> None:
    assert _texts(_row("baker,", 0.6, 0.01), _row("Lima.", 0.6, 0.01)) == ["baker", "Lima"]


def test_one_control_of_many_that_knows_the_word_makes_it_common() -> None:
    assert _texts(_row("baker.", 0.6, 0.01, 0.01, 0.01, 0.9)) == []


def test_spans_say_where_they_stand_and_how_much_they_gain() -> None:
    answer, words = _scored(_row("a", 0.9, 0.9), _row("baker.", 0.8, 0.01))
    (span,) = fact_spans(answer, words)
    assert answer[span.start : span.end] == span.text == "baker"
    assert abs(span.gain - log(80)) < 1e-9
