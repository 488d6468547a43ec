"""Optional packages."""

import importlib
import types


class MissingExtraError(ModuleNotFoundError):
    """An optional package is not installed."""


def import_extra(module: str, package: str, purpose: str) -> types.ModuleType:
    """Imports a module of an optional package.

    Args:
        module: Name to import.
        package: Name to install.
        purpose: The feature that needs it, for the message.

    Raises:
        MissingExtraError: If it is not installed, with the command to install
            it.

    Example:
    >>> import_extra("json", "json", "an example").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{purpose} needs the package {package}: pip install {package} "
            f"({error})",
            name=error.name,
        ) from None
