"""`python -m api`, but that its worker is a `gated_worker`."""

from __future__ import annotations

import sys
from functools import partial

from api import __main__ as server
from api.server.worker_child import WorkerChild

COMMAND = (sys.executable, "-m", "tests.support.gated_worker")

vars(server)["WorkerChild"] = partial(WorkerChild, command=COMMAND)

if __name__ == "__main__":
    sys.exit(server.main())
