"""Which signatures an export holds."""

MODES = ("both", "classification", "embedding")


def check_mode(mode: str):
    """Raises `ValueError` unless `mode` is one of `MODES`."""
    if mode not in MODES:
        raise ValueError(
            f"`mode` must be one of {', '.join(MODES)}. Received: mode={mode!r}"
        )
