from __future__ import annotations

import json
from pathlib import Path


def rendered() -> str:
    """The document as it is committed."""
    from api.app import create_app
    from core.service.settings import Settings

    app = create_app(Settings.model_construct(data_dir=Path("lethe-data")))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"
