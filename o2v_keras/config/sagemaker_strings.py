"""Parses SageMaker hyperparameters, whose values may be strings."""

import difflib
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from o2v_keras.config.rules import Rule
from o2v_keras.config.rules import unpacked
from o2v_keras.user_warning import warn_user


def check_known(names: Collection[str], known: Collection[str]) -> None:
    """Raises `ValueError` for an unknown name; suggests the nearest known."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
            raise ValueError(
                f"`{name}` is no hyperparameter of Object2Vec. "
                f"The nearest known one is `{near[0]}`."
            )


def parsed(
    hyperparameters: Mapping[str, Any],
    rules: Mapping[str, Rule],
    optional: Collection[str],
) -> dict[str, Any]:
    """Parses strings and drops the keys of SageMaker's container and SDK.

    Args:
        hyperparameters: Names -> values; any value may be a string.
        rules: Names -> rules.
        optional: Names that may be unset, by an empty string or `null`.

    Raises:
        ValueError: If a name is unknown.
    """
    ignored = sorted(
        name
        for name in hyperparameters
        if str(name).startswith(("_", "sagemaker_"))
    )
    if ignored:
        warn_user(
            "These settings of SageMaker's own container and SDK have no "
            f"meaning here and are ignored: {', '.join(ignored)}",
        )
    values = {}
    for name, value in hyperparameters.items():
        if name in ignored:
            continue
        check_known([name], rules)
        if isinstance(value, str):
            value = unpacked(value.strip())
            if value in ("", None) and name in optional:
                continue
            if isinstance(value, str):
                value = rules[name].parse(value)
        values[name] = value
    return values
