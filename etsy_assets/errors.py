"""The kinds of failure that the whole platform keeps apart (docs/architecture.md, "Failures").

One bad item (a dead URL, a broken JPEG) is not among them: it is recorded as an outcome with its reason and never
raised out of a stage.
"""


class ConfigurationError(Exception):
    """Something a person must mend: a bad key, missing weights, a full disk. Never retried.

    The message is one sentence that says what is wrong, with the value, and what to do about it.
    """


class PassingFault(Exception):
    """A fault that goes away by itself: 429, 5xx, a time-out. Retried; then the step fails and the run is retried."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """retry_after: seconds that the server asked for, when it said so."""
        super().__init__(message)
        self.retry_after = retry_after


class CorruptArtifact(Exception):
    """A stored file whose bytes are not those that were written. The message names it and how to make it again."""


class BadQuery(ValueError):
    """A search that can't be run as asked. The message says what is wrong with it and what would be accepted."""
