"""Errors that the simulated API answers with."""


class Refusal(Exception):
    """Becomes an answer with this status and the body {"error": message}."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def not_found() -> Refusal:
    return Refusal(404, "Resource not found")
