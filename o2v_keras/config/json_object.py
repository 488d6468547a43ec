"""Reads JSON files written by users."""

import json
import os
import pathlib
from typing import Any


def read_json_object(
    path: str | os.PathLike[str], argument: str
) -> dict[str, Any]:
    """Reads a JSON file that holds one object, in UTF-8 with or without BOM.

    Args:
        path: The file.
        argument: Name of the argument or option, for error messages.

    Raises:
        ValueError: If the file is missing or unreadable, holds no JSON
            object, or an object in it repeats a key.

    Example:
    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "h.json")
    >>> _ = path.write_text('{"epochs": 1}')
    >>> read_json_object(path, "hyperparameters")
    {'epochs': 1}
    """
    name = os.fspath(path)
    try:
        text = pathlib.Path(path).read_bytes().decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=distinct_keys)
    except OSError as error:
        raise ValueError(
            f"`{argument}` must be a mapping or the path of a JSON file, but "
            f"{name} cannot be read: {error.strerror}"
        ) from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{name}: `{argument}` must be a JSON object, but this is no "
            f"JSON: {error}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(
            f"{name}: `{argument}` must be a JSON object. "
            f"Received: {type(content).__name__}"
        )
    return content


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` for `json.loads` that rejects repeated keys.

    Raises:
        ValueError: If a key is repeated.
    """
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        key = next(key for key in content if keys.count(key) > 1)
        values = ", ".join(json.dumps(value) for k, value in pairs if k == key)
        raise ValueError(
            f'"{key}" is there {keys.count(key)} times, with the values '
            f"{values:.200}. Name it once."
        )
    return content
