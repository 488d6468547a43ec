"""Exports trained models for model servers."""

__all__ = ["export_saved_model"]


def __getattr__(name):
    # Imported when first used: the command shows its help and the errors of
    # its arguments without importing TensorFlow, which takes seconds.
    if name == "export_saved_model":
        from export.saved_model import export_saved_model

        return export_saved_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
