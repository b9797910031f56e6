"""`python -m benchmarks.peers --open-unlearning DIR [--check]`.

Runs open-unlearning's own functions and ours on the same model, rows and weights, and writes `results/peers.json` and
`.md`. Get it with `git clone https://github.com/locuslab/open-unlearning DIR` (MIT); it is imported from there, and
nothing of it is copied. It needs scikit-learn and tqdm; other modules that it imports are not used.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.bars import publish
from benchmarks.peers import cost, losses, metrics
from benchmarks.peers.inputs import peer_inputs
from benchmarks.peers.peer import load_peer

TEXT = """The reference model under one random LoRA against its frozen copy; known people's facts by name, and questions
about four pictures. Losses and metrics are open-unlearning's own functions on a padded batch, against Lethe's on a
shared one. Rows with a bar are where both mean the same; the others say what differs and whose the paper's definition
is.

`torchunlearn` 0.1.0 as PyPI has it brings nothing to compare: its wheel holds methods for image classifiers alone.
open-unlearning's ROUGE stems words before it compares them; ours does not, so that "baker" is not "baking"."""


def main() -> int:
    """Compare, print. Exit status 1 while a bar is missed and `--check` is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--open-unlearning", type=Path, required=True, help="a checkout")
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    options = parser.parse_args()
    peer = load_peer(options.open_unlearning)
    with peer_inputs() as inputs:
        table = [*losses.rows(inputs, peer), *metrics.rows(inputs, peer), *cost.rows(inputs, peer)]
    met = publish("peers", "Beside a peer's own implementation", table, text=TEXT)
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
