"""The search space, and configurations of its proposals."""

import contextlib
import dataclasses
import json
import math
import os
import random
import warnings
from collections.abc import Mapping
from typing import Any

import keras_tuner

from o2v_keras.config import Object2VecConfig
from o2v_keras.config.json_object import read_json_object
from o2v_keras.config.object2vec_config import typed_values
from o2v_keras.config.resolve import LATE_DEFAULTS
from o2v_keras.config.rules import Integer
from o2v_keras.config.rules import Number
from o2v_keras.config.rules import Rule
from o2v_keras.config.rules import names_class
from o2v_keras.tuning.ranges import DEFAULT_RANGES
from o2v_keras.tuning.ranges import ValueChoice
from o2v_keras.tuning.ranges import ValueRange

_TIED = "tied_token_embedding_weight"
_KL = "token_embedding_kl"
# Conditions depend on these, so they are declared first.
_PARENTS = (
    "enc0_network",
    "enc1_network",
    _TIED,
    "output_layer",
    "weight_averaging",
)
_POOLED = "pooled_embedding"
_DIMS = ("enc0_token_embedding_dim", "enc1_token_embedding_dim")
# Setting -> encoders that ignore it.
_WITHOUT = {
    "cnn_filter_width": {"bilstm", "transformer", _POOLED},
    "heads": {"hcnn", "bilstm", _POOLED},
    "feed_forward_dim": {"hcnn", "bilstm", _POOLED},
    "layers": {_POOLED},
    "token_embedding_dim": {_POOLED},
}
# Heads without comparator and MLP.
_WITHOUT_MLP = ("in_batch_softmax", "cosent", "embedding")
# Setting -> the head that reads it.
_OF_HEAD = {
    "same_side_negatives": "in_batch_softmax",
    "exclude_query_tokens": "in_batch_softmax",
    "hardness_strength": "in_batch_softmax",
    "similarity_scale": "cosent",
    "embedding_loss": "embedding",
    "similarity_distillation_weight": "embedding",
}
# `enc0_options.units` is the argument `units` of a user's own encoder.
_OPTIONS = ("enc0_options", "enc1_options")
# Setting -> the `weight_averaging` that it belongs to.
_OF_AVERAGES = {
    "weight_averaging_decay": "ema",
    "weight_averaging_epochs": "tail",
}
# Penalties whose place `token_embedding_kl` takes.
_RIVALS = ("token_embedding_l2", "weight_decay")
# Set by Keras Tuner's Hyperband.
_HYPERBAND_EPOCHS = "tuner/epochs"
_DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(Object2VecConfig)
}
# Proposals to try before a space is considered empty.
_TRIES = 100


class SearchSpace:
    """Fixed hyperparameters, and ranges of others.

    `enc0_options.units` searches the argument `units` of your own encoder.

    A range applies only if it has an effect: `enc0_cnn_filter_width` if enc0
    is a CNN, `enc1_*` if `enc1_network` is not `"enc0"`. Values that derive
    from others are not searched: with `tied_token_embedding_weight` both
    sides have the same `token_embedding_dim`, and `enc_dim` becomes a
    multiple of what the directions of a `bilstm` or the heads of a
    `transformer` can share.

    Args:
        hyperparameters: The fixed hyperparameters by SageMaker's names: a
            mapping or the path of a JSON file.
        ranges: Name -> `ValueRange` or `ValueChoice` of hyperparameters that
            are not fixed. Defaults to none.
        default_ranges: bool. Whether to add SageMaker's recommended ranges
            for the other hyperparameters. Defaults to `True`.
        search_epochs: bool. Whether `epochs` can be searched; Hyperband sets
            them itself. Defaults to `True`.

    Attributes:
        fixed: dict. Name -> value.
        ranges: dict. Name -> `ValueRange` or `ValueChoice`, first those that
            others depend on.

    Raises:
        ValueError: If a hyperparameter is unknown, both fixed and searched,
            or searched without effect; or no configuration is valid.

    Example:
    >>> space = SearchSpace(
    ...     {"enc0_max_seq_len": 9, "enc0_vocab_size": 50, "enc_dim": 64},
    ...     {"learning_rate": ValueRange(1e-4, 1e-2)},
    ...     default_ranges=False,
    ... )
    >>> space.configure({"learning_rate": 0.001}).learning_rate
    0.001
    """

    def __init__(
        self,
        hyperparameters: Mapping[str, Any] | str | os.PathLike[str],
        ranges: Mapping[str, ValueRange | ValueChoice] | None = None,
        default_ranges: bool = True,
        search_epochs: bool = True,
    ):
        self.fixed = _fixed(hyperparameters)
        given = dict(ranges or {})
        both = sorted({*given} & {*self.fixed})
        if both:
            raise ValueError(
                f"`{both[0]}` must be either fixed in `hyperparameters` or "
                f"searched. Received: {both[0]}={self.fixed[both[0]]!r} and "
                f"the range {given[both[0]]}"
            )
        if not search_epochs and "epochs" in given:
            raise ValueError(
                "`epochs` must not be searched by Hyperband, which sets them "
                "itself; fix the largest number in `hyperparameters`. "
                f"Received: epochs={given['epochs']}"
            )
        offered = {**(DEFAULT_RANGES if default_ranges else {}), **given}
        if not search_epochs:
            offered.pop("epochs", None)
        self.ranges = {}
        first = (*_PARENTS, _KL)
        for name in sorted(offered, key=lambda name: name not in first):
            if name in self.fixed:
                continue
            checked = offered[name].check(name, _rule(name, offered[name]))
            # Parents come before their children, whose conditions read them.
            self.ranges[name] = checked
            if self._conditions(name) is None:
                del self.ranges[name]
                self._refuse_without_effect(name, given)
        if not self.ranges and not default_ranges:
            raise ValueError(
                "`ranges` (`--range`, `--choice`, `--ranges`) must have at "
                "least one range if the default ones are left out."
            )
        self._require_valid()

    def hyperparameters(self) -> keras_tuner.HyperParameters:
        """Returns the Keras Tuner space."""
        hp = keras_tuner.HyperParameters()
        self.declare(hp)
        return hp

    def declare(self, hp: keras_tuner.HyperParameters) -> None:
        """Adds the ranges to a Keras Tuner space."""
        for name, values in self.ranges.items():
            with contextlib.ExitStack() as scopes:
                for parent, allowed in self._conditions(name).items():
                    scope = hp.conditional_scope(parent, allowed)
                    scopes.enter_context(scope)
                values.declare(hp, name)

    def configure(self, proposal: Mapping[str, Any]) -> Object2VecConfig:
        """Returns the configuration of a proposal.

        Args:
            proposal: Name -> value of the searched hyperparameters; other
                entries of Keras Tuner are allowed.

        Raises:
            ValueError: If it is no valid configuration.
        """
        values = dict(self.fixed)
        for name, searched in self.ranges.items():
            if name in proposal and self._is_active(name, proposal):
                _set(values, name, searched.value(proposal[name]))
        if _HYPERBAND_EPOCHS in proposal:
            values["epochs"] = proposal[_HYPERBAND_EPOCHS]
        self._derive(values)
        return Object2VecConfig.from_hyperparameters(values)

    def is_valid(self, proposal: Mapping[str, Any]) -> bool:
        """Whether a proposal is a valid configuration."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.configure(proposal)
            except ValueError:
                return False
        return True

    def draw(self, seed: int) -> dict[str, Any]:
        """Returns a random proposal."""
        generator = random.Random(seed)
        hp = keras_tuner.HyperParameters()
        for searched in self.hyperparameters().space:
            hp.merge([searched])
            if hp.is_active(searched):
                value = searched.random_sample(generator.random())
                hp.values[searched.name] = value
        return hp.values

    def resolved(self, config: Object2VecConfig) -> dict[str, Any]:
        """Returns a configuration's values of the searched names."""
        values = {}
        for name in self.ranges:
            field, _, option = name.partition(".")
            value = getattr(config, field)
            values[name] = value.get(option) if option else value
        return values

    @property
    def description(self) -> dict[str, Any]:
        """Fixed values and ranges as JSON values, to compare spaces."""
        ranges = {name: str(values) for name, values in self.ranges.items()}
        return {"hyperparameters": self.fixed, "ranges": ranges}

    def _require_valid(self):
        first = self.hyperparameters().values
        proposals = [first, *map(self.draw, range(_TRIES))]
        if not any(self.is_valid(proposal) for proposal in proposals):
            # Raises the reason.
            self.configure(first)

    def _conditions(self, name):
        """Returns parent -> values that give it an effect; `None`: never."""
        prefix, _, field = name.partition("_")
        if self._is_idle(name):
            return None
        if name in ("token_weighting", "token_combiner"):
            return self._pooled()
        if name in _OF_AVERAGES and "weight_averaging" in self.ranges:
            return {"weight_averaging": [_OF_AVERAGES[name]]}
        if prefix not in ("enc0", "enc1") or name in _PARENTS:
            return {}
        network = f"{prefix}_network"
        without = {"enc0"} | _WITHOUT.get(field, set())
        allowed = self._possible(network, without)
        if field in _WITHOUT:
            allowed = [value for value in allowed if not names_class(value)]
        if name.startswith(_OPTIONS):
            allowed = [value for value in allowed if names_class(value)]
        if name == _DIMS[1] and not self._possible(_TIED, {True, "true"}):
            allowed = []
        if not allowed:
            return None
        searched = self.ranges.get(network)
        if searched is None or len(allowed) == len(searched.values):
            return {}
        return {network: allowed}

    def _pooled(self):
        """Returns the conditions for a side to be a `pooled_embedding`."""
        for network in _PARENTS[:2]:
            networks = self._possible(network, set())
            if _POOLED in networks:
                return {} if len(networks) == 1 else {network: [_POOLED]}
        return None

    def _is_idle(self, name):
        """Whether the fixed values make a setting ineffective."""
        head = self.fixed.get("output_layer", _DEFAULTS["output_layer"])
        if name in _OF_HEAD and "output_layer" not in self.ranges:
            return head != _OF_HEAD[name]
        if name in _RIVALS:
            return _KL in self.ranges or bool(self.fixed.get(_KL))
        if name in _OF_AVERAGES:
            kinds = self._possible("weight_averaging", {"none"})
            return _OF_AVERAGES[name] not in kinds
        if name == "mlp_layers":
            return head in _WITHOUT_MLP
        if name not in ("mlp_dim", "mlp_activation"):
            return False
        return self._is_idle("mlp_layers") or (
            str(self.fixed.get("mlp_layers")) == "0"
        )

    def _possible(self, parent, without):
        if parent in self.ranges:
            values = self.ranges[parent].values
        else:
            values = [self.fixed.get(parent, _DEFAULTS[parent])]
        return [value for value in values if value not in without]

    def _is_active(self, name, proposal):
        return all(
            proposal.get(parent) in allowed
            for parent, allowed in self._conditions(name).items()
        )

    def _derive(self, values):
        """Sets derived values of hyperparameters that are not fixed."""
        resolved = {**_DEFAULTS, **values}
        networks = [resolved["enc0_network"], resolved["enc1_network"]]
        copies = networks[1] == "enc0"
        if copies:
            networks[1] = networks[0]
        searched = self.ranges.get("enc_dim")
        factor = _enc_dim_factor(resolved)
        if factor > 1 and isinstance(searched, ValueRange):
            values["enc_dim"] = _multiple(values["enc_dim"], factor, searched)
        tied = resolved[_TIED] in (True, "true")
        if tied and not copies:
            self._tie_token_embedding_dims(values, networks)
        for name, network in zip(_DIMS, networks, strict=True):
            # It equals enc_dim, and the configuration would warn.
            if network == _POOLED and name not in self.fixed:
                values.pop(name, None)

    def _tie_token_embedding_dims(self, values, networks):
        if _POOLED in networks:
            width = values.get("enc_dim", _DEFAULTS["enc_dim"])
        else:
            fixed = [self.fixed[name] for name in _DIMS if name in self.fixed]
            width = fixed[0] if fixed else values.get(_DIMS[0])
        for name in _DIMS:
            if width is not None and name not in self.fixed:
                values[name] = width

    def _refuse_without_effect(self, name, given):
        if name in given:
            raise ValueError(
                f"`{name}` must not be searched if it has no effect: with "
                'these networks, this head, enc1_network="enc0", a tied table '
                "or token_embedding_kl it is ignored, derives from other "
                "values or must be 0. "
                f"Received: {name}={given[name]}"
            )


def _fixed(hyperparameters):
    if isinstance(hyperparameters, str | os.PathLike):
        hyperparameters = read_json_object(hyperparameters, "hyperparameters")
    if not isinstance(hyperparameters, Mapping):
        raise ValueError(
            "`hyperparameters` must be a mapping or the path of a JSON file; "
            "a configuration does not say which values are "
            f"fixed. Received: {type(hyperparameters).__name__}"
        )
    return typed_values(hyperparameters)


def _set(values, name, value):
    field, _, option = name.partition(".")
    if not option:
        values[name] = value
        return
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    values[field] = {**values.get(field, {}), option: value}


def _rule(name, searched):
    if name.partition(".")[0] in _OPTIONS and "." in name:
        if isinstance(searched, ValueChoice):
            return _AnyValue()
        whole = isinstance(searched.low, int) and isinstance(searched.high, int)
        return Integer(searched.low) if whole else Number(-math.inf)
    field = Object2VecConfig.__dataclass_fields__.get(name)
    if field is None:
        # Raises an error with the nearest known name.
        Object2VecConfig.from_dict({name: None})
    return field.metadata["rule"]


class _AnyValue(Rule):
    """An argument of a user's own encoder, which checks it itself."""

    @property
    def description(self):
        return "any value"

    def check(self, name, value):
        return value


def _enc_dim_factor(values):
    """Returns the number that `enc_dim` must be a multiple of."""
    factors = [1]
    for prefix in ("enc0", "enc1"):
        network = values[f"{prefix}_network"]
        if network == "bilstm":
            factors.append(2)
        elif network == "transformer":
            heads = values[f"{prefix}_heads"] or LATE_DEFAULTS["heads"]
            factors.append(2 * int(heads))
    return math.lcm(*factors)


def _multiple(value, factor, searched):
    """Returns the next lower multiple, or the next higher one if too low."""
    lower = value - value % factor
    return lower if lower >= searched.low else lower + factor
