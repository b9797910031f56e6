"""Rows in one sequence, and which of them are put there. Who sees whom is worked out here token by token."""

from __future__ import annotations

import random

import pytest
import torch

from core.unlearning.families.language.model.encoded import Encoded, Vision
from core.unlearning.families.language.model.packing import (
    MAX_TREE_TOKENS,
    PackingCost,
    PrefixTree,
    build_trees,
    cut_batches,
    lay_out,
    pack,
    sort_rows,
)

PICTURE = 7
COST = PackingCost(PICTURE, 10_000)
CPU = torch.device("cpu")


def row(ids: list[int], answer: int, picture: float | None = None) -> Encoded:
    vision = Vision() if picture is None else Vision(pixel_values=torch.full((1, 2), picture))
    kinds = {"token_type_ids": torch.tensor([int(i == PICTURE) for i in ids])} if vision else {}
    return Encoded(torch.tensor(ids), len(ids) - answer, kinds, vision)


def drawn(seed: int) -> list[Encoded]:
    """Questions about three pictures, with answers of one to three tokens; a few come twice."""
    rng = random.Random(seed)
    rows = []
    for _ in range(14):
        ids = [1, PICTURE, PICTURE, 2, *rng.choices(range(20, 23), k=rng.randint(1, 4)), 3]
        told = rng.choices(range(30, 33), k=rng.randint(1, 3))
        rows.append(row([*ids, *told], len(told), float(rng.randint(1, 3))))
    return [*rows, rows[0], rows[5]]


@pytest.mark.parametrize("seed", range(5))
def test_every_token_sees_its_own_row_and_nothing_else(seed: int) -> None:
    rows = drawn(seed)
    batch = pack(rows, lay_out(build_trees(rows, COST), COST), 0, CPU)
    ids, places = batch.inputs["input_ids"], batch.inputs["position_ids"]
    seen = batch.inputs["attention_mask"][:, 0] == 0
    for n, one in enumerate(rows):
        mine = batch.rows == n
        assert batch.targets[mine].tolist() == one.input_ids[one.answer_start :].tolist()
        for target, sequence, column in zip(
            batch.targets[mine], batch.sequences[mine], batch.columns[mine], strict=True
        ):
            path = seen[sequence, column].nonzero().squeeze(1)
            length = len(path)
            assert ids[sequence, path].tolist() == one.input_ids[:length].tolist()
            assert places[sequence, path].tolist() == list(range(length))
            assert int(target) == int(one.input_ids[length])
            for depth, at in enumerate(path):
                assert seen[sequence, at].nonzero().squeeze(1).tolist() == path[: depth + 1].tolist()
            kinds = batch.inputs["token_type_ids"][sequence, path]
            assert kinds.tolist() == one.tokens["token_type_ids"][:length].tolist()


def test_each_picture_is_there_once_and_in_the_order_in_which_it_is_shown() -> None:
    rows = drawn(0)
    batch = pack(rows, lay_out(build_trees(rows, COST), COST), 0, CPU)
    assert int((batch.inputs["input_ids"] == PICTURE).sum()) == 2 * len({r.vision.digest for r in rows})
    shown = [float(picture["pixel_values"][0, 0]) for picture in batch.pictures]
    assert sorted(shown) == sorted({float(r.vision["pixel_values"][0, 0]) for r in rows})
    starts = (batch.inputs["position_ids"] == 0) & (batch.inputs["input_ids"] == 1)
    by_place = {}
    for n, one in enumerate(rows):
        place = (int(batch.sequences[batch.rows == n][0]), int(batch.columns[batch.rows == n][0]))
        root = max(tuple(s.tolist()) for s in starts.nonzero() if tuple(s.tolist()) <= place)
        by_place[root] = float(one.vision["pixel_values"][0, 0])
    assert [by_place[root] for root in sorted(by_place)] == shown


def test_nothing_is_shared_across_pictures_nor_in_the_middle_of_one() -> None:
    one, same, other = row([1, 7, 7, 2, 3], 1, 1.0), row([1, 7, 7, 2, 4], 1, 1.0), row([1, 7, 7, 2, 3], 1, 2.0)
    assert COST.shared_prefix(one, same) == 4
    assert COST.shared_prefix(one, other) == 0
    assert COST.shared_prefix(row([1, 5, 7, 7, 3], 1, 1.0), row([1, 6, 7, 7, 3], 1, 1.0)) == 0
    assert PackingCost(None, 10_000).shared_prefix(one, same) == 0
    assert COST.shared_prefix(row([1, 2, 3], 1), row([1, 2, 4], 1)) == 2


def test_a_tree_ends_where_what_its_tokens_see_costs_more_than_beginning_anew() -> None:
    rows = [row([1, PICTURE, 2, *range(100 * n, 100 * n + 30)], 1, 1.0) for n in range(1, 40)]
    sizes = [tree.length for tree in build_trees(rows, PackingCost(PICTURE, 100))]
    assert len(sizes) > 10
    assert len(build_trees(rows, PackingCost(PICTURE, 10**9))) == 1
    assert all(tree.length <= MAX_TREE_TOKENS for tree in build_trees(rows * 200, PackingCost(PICTURE, 10**9)))


def test_batches_keep_to_their_budget_and_to_one_view() -> None:
    rows = [*drawn(1), *(row([1, 2, 20 + n, 3], 1) for n in range(9))]
    found = list(cut_batches(rows, 24, COST))
    assert sorted(n for batch in found for n in batch) == list(range(len(rows)))
    for batch in found:
        assert len({bool(rows[n].vision) for n in batch}) == 1
        assert sum(tree.length for tree in build_trees([rows[n] for n in batch], PackingCost(PICTURE, 10**9))) <= 24
        assert len(batch) == 1 or sum(len(rows[n]) - rows[n].answer_start for n in batch) <= 3


def test_rows_that_begin_alike_come_next_to_each_other() -> None:
    rows = drawn(2)
    ordered = [(rows[n].vision.digest, rows[n].input_ids.tolist()) for n in sort_rows(rows)]
    assert ordered == sorted(ordered)


def of_lengths(*lengths: int) -> list[PrefixTree]:
    trees = [PrefixTree() for _ in lengths]
    for n, (tree, length) in enumerate(zip(trees, lengths, strict=True)):
        tree.add(n, length)
    return trees


LENGTHS = (156, 80, 117, 173, 106, 118, 107, 34, 141, 127)


def test_sequences_are_filled_up() -> None:
    rows = [row([1] * length, 1) for length in LENGTHS]
    batch = pack(rows, lay_out(of_lengths(*LENGTHS), PackingCost(PICTURE, 768)), 0, CPU)
    assert sum(LENGTHS) <= batch.inputs["input_ids"].numel() <= 1.1 * sum(LENGTHS)
    assert torch.isfinite(batch.inputs["attention_mask"].amax(-1)).all()
    assert sorted(batch.rows.unique().tolist()) == list(range(len(rows)))


def test_sequences_are_short_where_it_costs_that_tokens_see_each_other() -> None:
    def area(pairs: int) -> tuple[int, int]:
        sequences = lay_out(of_lengths(*LENGTHS), PackingCost(PICTURE, pairs))
        return len(sequences), max(sum(tree.length for tree in sequence) for sequence in sequences)

    (_, dear), (count, cheap) = area(1), area(10**9)
    assert dear == max(LENGTHS)
    assert cheap > dear
    assert count * cheap <= 1.05 * sum(LENGTHS)


def test_no_sequence_is_longer_than_a_tree_may_be() -> None:
    sequences = lay_out(of_lengths(*[1000] * 9), PackingCost(PICTURE, 10**9))
    assert max(sum(tree.length for tree in sequence) for sequence in sequences) <= MAX_TREE_TOKENS
    assert sum(len(sequence) for sequence in sequences) == 9
