"""The public name of the package, imported when first used."""

from .saved_model import export_saved_model as export_saved_model
