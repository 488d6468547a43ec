"""Registry of comparators by name."""

import importlib
import os
import sys
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any


class Registry:
    """Maps names in a configuration to their builders.

    Built-in names are known without importing their modules, so that a
    configuration finds misspelt names without importing any layer. Their
    builders are imported when first needed.

    Args:
        kind: What is registered, for error messages.
        built_in: Name -> module that registers it on import. Defaults to
            `None`.

    Example:
    >>> colors = Registry("color")
    >>> @colors.register("red")
    ... def make_red():
    ...     return "#f00"
    >>> colors["red"]()
    '#f00'
    >>> colors.names
    ('red',)
    """

    def __init__(self, kind: str, built_in: Mapping[str, str] | None = None):
        self.kind = kind
        self._built_in = dict(built_in or {})
        self._builders: dict[str, Callable[..., Any]] = {}

    def register(
        self, name: str
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Returns a decorator that registers a builder under `name`.

        Args:
            name: A word without blanks or commas: commas separate names in
                SageMaker's lists.

        Raises:
            ValueError: If the name is malformed or already taken.
        """
        if not name or any(c.isspace() or c == "," for c in name):
            raise ValueError(
                f"`name` of a {self.kind} must be a word without blanks or "
                f"commas. Received: name={name!r}"
            )

        def enter(builder: Callable[..., Any]) -> Callable[..., Any]:
            owner = self._built_in.get(name, builder.__module__)
            if name in self._builders or owner != builder.__module__:
                raise ValueError(
                    f"`name` must be new, but a {self.kind} of that name is "
                    f"already registered. Received: name={name!r}"
                )
            self._builders[name] = builder
            return builder

        return enter

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the built-in ones first."""
        return tuple({**self._built_in, **self._builders})

    def __contains__(self, name: object) -> bool:
        return name in self._builders or name in self._built_in

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name in self._built_in and name not in self._builders:
            importlib.import_module(self._built_in[name])
        if name not in self._builders:
            raise ValueError(
                f"`{self.kind}` must be one of {', '.join(self.names)}; "
                f"register your own before it is used. "
                f"Received: {self.kind}={name!r}"
            )
        return self._builders[name]


def import_registering(module: str) -> None:
    """Imports a user's module that registers comparators or tokenizers.

    Args:
        module: Name of a module in this folder or an installed one.

    Raises:
        ValueError: If there is no such module, or one that it imports.
    """
    _import(module, f"`--import` must name a module. Received: {module}")


def import_network(network: str) -> None:
    """Imports the module of a user's own encoder.

    Args:
        network: Value of `enc0_network`. Nothing is imported unless it is
            `module:Class`.

    Raises:
        ValueError: If there is no such module or class.

    Example:
    >>> import_network("hcnn")
    >>> import_network("json:Mine")
    Traceback (most recent call last):
        ...
    ValueError: `json:Mine` must name a class, but `json` has no Mine
    """
    name, colon, cls = network.partition(":")
    if not colon:
        return
    module = _import(name, f"`{network}` must name a module.")
    if not hasattr(module, cls):
        raise ValueError(
            f"`{network}` must name a class, but `{name}` has no {cls}"
        )


def _import(module, rule):
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{rule} It must be in this folder or installed: {error}"
        ) from None
    finally:
        sys.path.remove(os.getcwd())


_COMPARATOR = "o2v_keras.layers.comparator"

COMPARATORS = Registry(
    "comparator",
    {
        "hadamard": _COMPARATOR,
        "concat": _COMPARATOR,
        "abs_diff": _COMPARATOR,
        "dot": _COMPARATOR,
        "cosine": _COMPARATOR,
        "block_cosine": _COMPARATOR,
    },
)
