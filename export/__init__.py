"""Exports trained models for model servers."""

from o2v_keras.start_tensorflow import quiet_import

__all__ = ["export_saved_model"]


def __getattr__(name):
    # Imported when first used: the command shows its help and the errors of
    # its arguments without importing TensorFlow, which takes seconds.
    if name == "export_saved_model":
        return quiet_import("export.saved_model").export_saved_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
