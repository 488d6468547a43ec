"""JSON objects that users write."""

import json
import os
import pathlib


def read_json_object(path: str | os.PathLike, argument: str) -> dict:
    """Reads a JSON file whose content is an object.

    A byte-order mark, as some editors put it before a text, is taken.

    Args:
        path: The file.
        argument: What the user has named it for, for messages.

    Raises:
        ValueError: If there is no such file, something else is in it, or an
            object in it has a key twice.

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


def distinct_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Makes an object of keys and values, as `json.loads` calls it.

    Raises:
        ValueError: If a key is there twice: which value is meant is unknown.
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
