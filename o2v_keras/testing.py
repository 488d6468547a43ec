"""Checks of what users write themselves."""

import inspect
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

# Largest difference that padding may make: rounding of longer sums.
_TOLERANCE = {"float32": 2e-5, "float64": 2e-5}
_HALF_TOLERANCE = 2e-2
_LENGTHS = (1, 2, 4, 7)


def check_encoder(
    encoder: keras.Layer,
    vocab_size: int | None = None,
    max_seq_len: int | None = None,
) -> None:
    """Checks that a layer or model keeps the contract of encoders.

    An encoder maps int64 `(batch, length)`, padded with 0, to
    `(batch, dim)`. It must not be changed by padding or by the other rows of
    a batch, encode rows of padding alone and batches of length 0 as finite
    numbers, have finite gradients, survive `from_config(get_config())` and a
    `.keras` file, and compute in an exported graph what it computes in Keras.

    Give arguments that are not the defaults to the encoder: a value that
    `get_config` forgets shows only where it differs from its default.

    Args:
        encoder: Layer or model. It is built if it is not; its weights stay as
            they are.
        vocab_size: Ids are below it. Defaults to `None`: that of the encoder.
        max_seq_len: Longest sequence that is encoded in full. Defaults to
            `None`: that of the encoder, or none.

    Raises:
        AssertionError: If the encoder breaks the contract. The message says
            how, and how to mend it.

    Example:
    >>> from o2v_keras.encoders import HCNN
    >>> check_encoder(HCNN(vocab_size=9, max_seq_len=4, output_dim=8, layers=2))
    """
    vocab_size = vocab_size or getattr(encoder, "vocab_size", None)
    if vocab_size is None:
        raise ValueError(
            "`vocab_size` must be given: the encoder has no attribute of that "
            "name. Received: vocab_size=None"
        )
    longest = max_seq_len or getattr(encoder, "max_seq_len", max(_LENGTHS))
    rng = np.random.default_rng(0)
    rows = [
        rng.integers(1, vocab_size, length)
        for length in _LENGTHS
        if length <= longest
    ]
    # A row of padding alone, and steps of padding alone.
    ids = _padded([*rows, []], len(rows[-1]))
    expected = _check_output(encoder, ids)
    _check_padding(encoder, rows, expected)
    _check_empty(encoder, expected[-1:])
    _check_gradients(encoder, ids)
    _check_config(encoder, ids, expected)
    with tempfile.TemporaryDirectory() as folder:
        _check_files(encoder, ids, expected, pathlib.Path(folder))


def _check_output(encoder, ids):
    output = encoder(ids, training=False)
    name = _name(encoder)
    shape = tuple(output.shape)
    assert len(shape) == 2 and shape[0] == len(ids), (
        f"{name} must map ids of shape (batch, length) to (batch, dim). "
        f"Received: {shape} for ids of shape {ids.shape}. Pool the steps, or "
        "take one of them."
    )
    assert keras.backend.is_float_dtype(output.dtype), (
        f"{name} must give floats. "
        f"Received: {keras.backend.standardize_dtype(output.dtype)}"
    )
    values = _array(output)
    assert np.isfinite(values[:-1]).all(), (
        f"{name} must give finite numbers. Received: {values[:-1]} for {ids}"
    )
    assert np.isfinite(values[-1]).all(), (
        f"{name} must encode a row of padding alone, ids of 0, as finite "
        f"numbers. Received: {values[-1]}. Where steps are counted, divide by "
        "`ops.maximum(count, 1)`; where they are masked, add a large negative "
        "number, not minus infinity."
    )
    return values


def _check_padding(encoder, rows, expected):
    longer = _encodings(encoder, _padded([*rows, []], len(rows[-1]) + 3))
    alone = [_encodings(encoder, row[None])[0] for row in rows]
    for found, how in (
        (longer[: len(rows)], "with three more zeros behind each row"),
        (np.stack(alone), "one by one, without padding"),
    ):
        difference = np.abs(found - expected[: len(rows)]).max()
        assert difference <= _tolerance(encoder), (
            f"{_name(encoder)} must encode ids alike whatever the padding and "
            f"the other rows of the batch. The encodings of {len(rows)} rows "
            f"differ by {difference:.2g} {how}. Leave out the steps where the "
            "id is 0, in every sum, mean, maximum and attention."
        )


def _check_empty(encoder, expected):
    name = _name(encoder)
    advice = (
        "Derive from `o2v_keras.encoders.Encoder`, which adds a step, or put "
        "`SequenceLimit` before the first layer."
    )
    try:
        found = _encodings(encoder, np.zeros((1, 0), "int64"))
    except Exception as error:
        raise AssertionError(
            f"{name} must take a batch of length 0, whose rows are all empty. "
            f"{advice} It raised: {error}"
        ) from error
    assert np.isfinite(found).all(), (
        f"{name} must encode a batch of length 0 as finite numbers. {advice} "
        f"Received: {found}"
    )
    difference = np.abs(found - expected).max()
    assert difference <= _tolerance(encoder), (
        f"{name} must encode an empty row like a row of padding alone. "
        f"{advice} They differ by {difference:.2g}"
    )


def _check_gradients(encoder, ids):
    weights = [weight.value for weight in encoder.trainable_weights]
    with tf.GradientTape() as tape:
        output = encoder(ids, training=True)
        loss = tf.reduce_sum(tf.cast(output, "float32"))
    gradients = tape.gradient(loss, weights)
    for weight, gradient in zip(
        encoder.trainable_weights, gradients, strict=True
    ):
        if gradient is None:
            continue
        values = _array(tf.convert_to_tensor(gradient))
        assert np.isfinite(values).all(), (
            f"{_name(encoder)} must have finite gradients where a row is "
            f"padding alone. The gradient of {weight.path} is not. Take "
            "`ops.where` on the inputs of a division, root or logarithm, not "
            "on its result."
        )


def _check_config(encoder, ids, expected):
    name, cls = _name(encoder), type(encoder)
    advice = (
        "Let `get_config` return every argument of `__init__`, with "
        "`**super().get_config()`."
    )
    try:
        config = encoder.get_config()
    except Exception as error:
        raise AssertionError(
            f"{name} must have a configuration. {advice} `get_config` raised: "
            f"{error}"
        ) from error
    forgotten = [key for key in _arguments(cls) if key not in config]
    assert not forgotten, (
        f"{name} must return all its arguments from `get_config`. {advice} "
        f"Missing: {', '.join(forgotten)}"
    )
    try:
        copy = cls.from_config(config)
        copy(ids, training=False)
        copy.set_weights(encoder.get_weights())
    except Exception as error:
        raise AssertionError(
            f"{name} must be made again by from_config(get_config()). {advice} "
            f"It raised: {error}"
        ) from error
    difference = np.abs(_encodings(copy, ids) - expected).max()
    assert difference <= _tolerance(encoder), (
        f"{name} made again by from_config(get_config()), with the same "
        f"weights, must give the same encodings. {advice} They differ by "
        f"{difference:.2g}"
    )


def _check_files(encoder, ids, expected, folder):
    inputs = keras.Input((None,), dtype="int64", name="ids")
    try:
        model = keras.Model(inputs, encoder(inputs))
    except Exception as error:
        raise AssertionError(
            f"{_name(encoder)} must be part of a functional model, whose "
            "batch and length are unknown. Take sizes from `ops.shape(ids)`. "
            f"It raised: {error}"
        ) from error
    _check_saving(encoder, model, ids, expected, folder / "model.keras")
    model.export(folder / "export", verbose=False)
    exported = tf.saved_model.load(folder / "export")
    for batch in (ids, ids[:1], ids[:, :1]):
        difference = np.abs(
            _array(exported.serve(tf.constant(batch)))
            - _encodings(encoder, batch)
        ).max()
        assert difference <= _tolerance(encoder), (
            f"{_name(encoder)} must compute in an exported graph what it "
            f"computes in Keras. For ids of shape {batch.shape} they differ "
            f"by {difference:.2g}. Take sizes from `ops.shape(ids)`, and "
            "decide by `ops.where`, not by `if` on values."
        )


def _check_saving(encoder, model, ids, expected, path):
    name = _name(encoder)
    advice = (
        "Decorate the class with `@keras.saving.register_keras_serializable("
        'package="my_package")`, and create weights in `__init__` or `build`.'
    )
    try:
        model.save(path)
        loaded = keras.models.load_model(path)
    except Exception as error:
        raise AssertionError(
            f"{name} must survive a .keras file. {advice} It raised: {error}"
        ) from error
    difference = np.abs(_encodings(loaded, ids) - expected).max()
    assert difference <= _tolerance(encoder), (
        f"{name} from a .keras file must give the same encodings. {advice} "
        f"They differ by {difference:.2g}"
    )


def _arguments(cls):
    """Returns the names of the arguments that a class gets."""
    if issubclass(cls, keras.Model):
        # Functional and sequential models: their graph is the configuration.
        return []
    named = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in named]


def _padded(rows, steps):
    ids = np.zeros((len(rows), steps), "int64")
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    return ids


def _encodings(encoder, ids):
    return _array(encoder(ids, training=False))


def _array(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def _tolerance(encoder):
    return _TOLERANCE.get(encoder.compute_dtype, _HALF_TOLERANCE)


def _name(encoder):
    return f"`{type(encoder).__name__}` ({encoder.name})"
