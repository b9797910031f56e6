"""The OpenAPI document as docs/openapi.json holds it. `python -m api.server.openapi_file` prints it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from api.app import create_app
from core.service.settings import Settings


def rendered() -> str:
    """The document as text. It depends on no setting of the environment."""
    app = create_app(Settings.model_construct(data_dir=Path("lethe-data")))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
