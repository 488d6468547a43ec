"""What a server answers instead of a result."""

_TOWER = (
    "The model is perhaps an export of one tower (--mode in0 or in1), which "
    "gives embeddings of that side alone."
)
# What TF Serving says of other tensors than the signature's, and what it
# means here.
_HINTS = {
    "to be string but int64 is provided": (
        "The model takes texts where ids were sent. A text of digits alone "
        'is one too, such as ["42"].'
    ),
    "to be int64 but string is provided": (
        "The model takes ids where texts were sent."
    ),
    "Sent extra: {in": _TOWER,
    "not found in request and no default value": _TOWER,
    "does not have named input: in": _TOWER,
}


class ServerError(RuntimeError):
    """A failed request, with the server's own code and message.

    Where the server only knows that tensors have another type or name, `str`
    of the error also says what that means.

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
        self.hint = next(
            (f" ({hint})" for said, hint in _HINTS.items() if said in message),
            "",
        )
        super().__init__(f"{code}: {message}{self.hint}")
        self.code = code
        self.message = message
        self.http_status = http_status
