"""Prepares an embedded server: migrates the database, and adds the first API key and the reference models."""

from __future__ import annotations

from core.service.access.bootstrap import SETTING_UP, bootstrap_embedded_key
from core.service.context import Services
from core.service.db.engine import lock
from core.service.db.migrate import migrate
from core.service.models import ModelCreate, register_trusted
from core.unlearning.patches.signing import Signer
from core.unlearning.reference.catalog import bundled


def prepare(services: Services) -> None:
    """Prepare the installation. Repeated at every start."""
    settings = services.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.resolved_database_url)
    bootstrap_embedded_key(services)
    if settings.mode == "embedded":
        # The worker of this folder will sign with it. In a cluster the API signs nothing and has none.
        Signer.load_or_create(settings.resolved_signing_key_file)
    if settings.bundled_models:
        _register_bundled(services)


def _register_bundled(services: Services) -> None:
    with services.db.write() as session:
        lock(session, SETTING_UP)
        for registration in bundled():
            register_trusted(session, ModelCreate.model_validate(registration))
