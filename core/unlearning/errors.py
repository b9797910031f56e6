"""What can go wrong in a job. `code` is stable; `detail` never holds the subject's data."""


class UnlearningError(Exception):
    """A job cannot go on. `retryable` says whether the same job may succeed on a second try."""

    code = "unlearning_error"
    retryable = False

    def __init__(self, detail: str, *, code: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class InvalidInputError(UnlearningError):
    """The request's content cannot be used (an image that does not decode, no usable question)."""

    code = "invalid_input"


class ModelLoadError(UnlearningError):
    """The registered model cannot be loaded."""

    code = "model_load_failed"


class OutOfMemoryError(UnlearningError):
    """Even a micro-batch of one does not fit."""

    code = "out_of_memory"


class InsufficientMemoryError(UnlearningError):
    """The worker has less memory free than the job needs."""

    code = "insufficient_memory"
    retryable = True


class DivergedError(UnlearningError):
    """The loss is not finite."""

    code = "training_diverged"


class IneffectivePatchError(UnlearningError):
    """The packed patch, reloaded by the stock library, changes nothing."""

    code = "patch_has_no_effect"


class StoppedError(Exception):
    """Raised out of `Progress.step` when the job was cancelled, lost its lease, or the worker is shutting down."""
