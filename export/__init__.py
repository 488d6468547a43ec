"""From a trained model to what a model server loads."""

__all__ = ["export_saved_model"]


def __getattr__(name):
    # Imported when first asked for, so that the command can show its help, or
    # what is wrong with its arguments, without the seconds of TensorFlow.
    if name == "export_saved_model":
        from export.saved_model import export_saved_model

        return export_saved_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
