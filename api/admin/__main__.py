"""`python -m api.admin`, which `lethe admin` runs."""

from __future__ import annotations

import sys

from core.imports import importing

with importing():
    from sqlalchemy.exc import SQLAlchemyError

    from api.admin.app import app
    from api.admin.context import AdminError
    from core.service.errors import ServiceError
    from core.service.storage.port import StoreError
    from core.unlearning.patches.signing import SignatureError


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit status. An error is printed as one line, without a stack trace."""
    try:
        app(args=arguments, prog_name="lethe admin")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    except KeyboardInterrupt:
        return _say("stopped; what was done so far stays done", 130)
    except SQLAlchemyError as error:
        return _say(f"the database cannot be used ({type(error).__name__}): see LETHE_DATABASE_URL", 1)
    except StoreError as error:
        return _say(f"the object store cannot be used ({type(error).__name__}): see LETHE_STORAGE_URL", 1)
    except ServiceError as error:
        return _say(error.detail, 1)
    except OSError as error:
        return _say(f"{error.filename or 'the system'}: {error.strerror}", 1)
    except (AdminError, SignatureError, ValueError) as error:
        return _say(str(error).partition("\n")[0], 1)
    return 0


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"lethe: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
