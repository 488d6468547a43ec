"""What a server answers instead of a result."""


class ServerError(RuntimeError):
    """A failed request, with the server's own code and message.

    Args:
        code: gRPC status name such as `"INVALID_ARGUMENT"`; for REST, the
            one that TF Serving maps to the HTTP status.
        message: The server's message, unchanged.
        http_status: HTTP status, or `None` over gRPC.

    Example:
    >>> raise ServerError("NOT_FOUND", "Servable not found", 404)
    Traceback (most recent call last):
        ...
    serving.client.server_error.ServerError: NOT_FOUND: Servable not found
    """

    def __init__(self, code: str, message: str, http_status: int | None = None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status
