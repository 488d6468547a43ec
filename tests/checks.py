"""Checks that the layers and the model of o2v_keras must pass."""

import json

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trainable_model import scores_of

HALF_POLICIES = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


def check_layer(
    cls,
    init_kwargs,
    inputs,
    expected_output_shape,
    expected_weights,
    mask=None,
    expected_output_dtype=None,
):
    """Runs the contract of every layer.

    Args:
        cls: Layer class under test.
        init_kwargs: dict. Constructor arguments; use non-default values.
        inputs: Array or list of arrays. Axis 1 of sequences (integers, or
            rank 3) is taken to be the steps, whose number is dynamic.
        expected_output_shape: tuple. Full output shape.
        expected_weights: dict. Weight path without the layer name -> shape.
        mask: bool array for the call argument `mask`, or `None` to leave
            that out.
        expected_output_dtype: str, or `None` for the compute dtype.
    """
    input_shape = _map(lambda x: x.shape, inputs)

    # `build()` alone creates every weight, so weights load before a call.
    layer = cls(**init_kwargs)
    layer.build(input_shape)
    assert _weight_shapes(layer) == expected_weights

    # Registered, so `load_model()` needs no `custom_objects`.
    assert keras.saving.get_registered_name(cls) == f"o2v_keras>{cls.__name__}"

    # The config holds every argument (an initializer as a dict), survives
    # JSON, and rebuilds a layer that computes the same function. Comparing
    # configs alone is not enough: a wrong value round-trips too.
    config = layer.get_config()
    for name, value in init_kwargs.items():
        assert isinstance(config[name], dict) or config[name] == value, name
    revived = cls.from_config(json.loads(json.dumps(config)))
    assert revived.get_config() == config
    revived.build(input_shape)
    revived.set_weights(layer.get_weights())
    expected = _call(layer, inputs, mask)
    assert expected.shape == expected_output_shape
    assert expected.dtype == (expected_output_dtype or "float32")
    np.testing.assert_array_equal(_call(revived, inputs, mask), expected)

    # Symbolic call with every dynamic dimension unknown, then compiled.
    model = _symbolic_model(layer, inputs, mask)
    compiled = model.predict(_model_inputs(inputs, mask), verbose=0)
    assert compiled.dtype == expected.dtype
    np.testing.assert_allclose(compiled, expected, rtol=1e-5, atol=1e-6)

    # Mixed precision: half outputs close to the full ones, float32 weights.
    for policy, compute_dtype in HALF_POLICIES.items():
        half = cls(**init_kwargs, dtype=policy)
        half.build(input_shape)
        half.set_weights(layer.get_weights())
        output = tf.function(half)(inputs, **_mask_argument(mask))
        assert output.dtype == (expected_output_dtype or compute_dtype)
        assert all(w.dtype == "float32" for w in half.weights)
        np.testing.assert_allclose(
            _to_float(output), _to_float(expected), rtol=0.05, atol=0.05
        )

    # One training step moves every trainable weight.
    if layer.trainable_weights:
        before = [weight.numpy() for weight in layer.trainable_weights]
        model.compile(keras.optimizers.SGD(0.1), loss="mse")
        model.fit(
            _model_inputs(inputs, mask), np.full_like(expected, 3), verbose=0
        )
        for weight, old in zip(layer.trainable_weights, before, strict=True):
            assert not np.allclose(weight.numpy(), old), weight.path


def check_sequence_encoder(
    cls, init_kwargs, input_shape, expected_output_shape, expected_weights
):
    """Runs the contract of a layer that maps masked sequences to vectors.

    Args:
        cls: Layer class under test.
        init_kwargs: dict. Constructor arguments; use non-default values.
        input_shape: tuple. Full shape `(batch_size, steps, features)`.
        expected_output_shape: tuple. Full output shape.
        expected_weights: dict. Weight path without the layer name -> shape.
    """
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=input_shape).astype("float32")
    mask = np.ones(input_shape[:2], bool)
    check_layer(
        cls, init_kwargs, inputs, expected_output_shape, expected_weights, mask
    )
    layer = cls(**init_kwargs)
    expected = _call(layer, inputs, mask)

    # No mask means that every step is real.
    output = keras.ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)

    # A mask that travels with the tensor counts like an explicit one, and
    # ends here, where the steps do.
    padded = np.pad(inputs, [(0, 0), (0, 2), (0, 0)], constant_values=-9)
    masked = keras.Sequential([keras.layers.Masking(-9), layer])
    output = masked.predict(padded, verbose=0)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_mask(inputs, mask) is None

    # Rows of padding alone leave the gradients finite.
    some_rows = mask.copy()
    some_rows[0] = False
    for policy in ("float32", *HALF_POLICIES):
        layer = cls(**init_kwargs, dtype=policy)
        variable = tf.Variable(inputs)
        with tf.GradientTape() as tape:
            output = layer(variable.read_value(), mask=some_rows)
            loss = tf.reduce_sum(tf.cast(output, "float32") ** 2)
        weights = [weight.value for weight in layer.trainable_weights]
        for gradient in tape.gradient(loss, [variable, *weights]):
            assert np.isfinite(gradient.numpy()).all()


def check_padding_invariance(layer, features, position):
    """Checks that padding and batch mates never change an encoding.

    Sequences of several lengths are encoded one by one without padding, then
    together with several amounts of padding, which holds arbitrary values.
    A row of padding alone must be encoded as zeros.

    Args:
        layer: The encoder.
        features: int. Size of its input vectors.
        position: str. Where padding stands: `"right"` or `"left"` of the
            sequence, or `"anywhere"`, also within it.
    """
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, features)) for n in (1, 2, 4, 7)]
    alone = [_to_float(layer(s[None].astype("float32")))[0] for s in sequences]
    tolerance = 1e-6 if layer.compute_dtype == "float32" else 0.02
    for steps in (7, 8, 12):
        inputs = rng.uniform(-90, 90, (len(sequences) + 1, steps, features))
        mask = np.zeros(inputs.shape[:2], bool)
        for row, sequence in enumerate(sequences):
            length = len(sequence)
            places = {
                "right": np.arange(length),
                "left": np.arange(steps - length, steps),
                "anywhere": np.sort(rng.permutation(steps)[:length]),
            }[position]
            inputs[row, places] = sequence
            mask[row, places] = True
        output = _to_float(layer(inputs.astype("float32"), mask=mask))
        np.testing.assert_allclose(
            output[:-1], alone, rtol=tolerance, atol=tolerance
        )
        np.testing.assert_array_equal(output[-1], np.zeros_like(output[-1]))


def check_model(config, folder):
    """Runs the contract of the model and its two encoders.

    Args:
        config: `Object2VecConfig` with dropout 0 and sequences of at least 3.
        folder: `pathlib.Path` for the saved model.
    """
    rng = np.random.default_rng(0)
    model = Object2Vec(config, name="pairs")
    # Weights that tell rows and sides apart.
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    lengths = rng.integers(1, 4, (2, 5))
    rows = {
        name: [rng.integers(1, encoder.vocab_size, n) for n in lengths[side]]
        for side, (name, encoder) in enumerate(
            {"in0": config.encoder0, "in1": config.encoder1}.items()
        )
    }
    inputs = {name: _padded(side, 3) for name, side in rows.items()}
    outputs_of = _compiled(model)
    scores, *encodings = outputs = outputs_of(inputs)
    softmax = config.output_layer == "softmax"
    assert scores.shape == (5, config.num_classes if softmax else 1)
    assert [e.shape for e in encodings] == [(5, config.enc_dim)] * 2
    assert {output.dtype.name for output in outputs} == {"float32"}
    if softmax:
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)

    # Neither padding nor batch mates count, whatever the length.
    longest = max(config.encoder0.max_seq_len, config.encoder1.max_seq_len)
    for steps in (4, longest + 2):
        padded = {name: _padded(side, steps) for name, side in rows.items()}
        _assert_close(outputs_of(padded), outputs)
    for row in range(5):
        alone = {name: side[row][None] for name, side in rows.items()}
        _assert_close(outputs_of(alone), [o[[row]] for o in outputs])

    # The graph itself cuts what is too long and pads what is empty.
    long = {
        name: rng.integers(1, 20, (2, longest + 2)) for name in ("in0", "in1")
    }
    cut = {
        "in0": long["in0"][:, : config.encoder0.max_seq_len],
        "in1": long["in1"][:, : config.encoder1.max_seq_len],
    }
    _assert_close(outputs_of(long), outputs_of(cut))
    empty = {name: np.zeros((2, 0), "int64") for name in ("in0", "in1")}
    padding = {name: np.zeros((2, 1), "int64") for name in ("in0", "in1")}
    _assert_close(outputs_of(empty), outputs_of(padding))

    # Eager calls and prediction on arrays and on `tf.data` agree.
    _assert_close(_outputs(model, inputs), outputs)
    dataset = tf.data.Dataset.from_tensor_slices(inputs).batch(2)
    for data in (inputs, dataset):
        _assert_close([model.predict(data, verbose=0)], [scores])

    # The saved model is the same model, down to the optimizer's state: the
    # next step moves the weights as it does in the original.
    labels = np.ones(5, int) if config.group_rows > 1 else np.arange(5) % 2
    labelled = {**rows, "label": labels}
    batch = next(iter(load_dataset(labelled, config, training=False)))
    model.train_on_batch(*batch)
    path = folder / "model.keras"
    model.save(path)
    revived = keras.models.load_model(path)
    assert type(revived) is Object2Vec
    assert (revived.name, revived.config) == (model.name, config)
    _assert_close(_outputs(revived, inputs), _outputs(model, inputs))
    for step in (model, revived):
        assert int(step.optimizer.iterations) == 1
        step.train_on_batch(*batch)
    _assert_close(revived.get_weights(), model.get_weights())


def _assert_close(arrays, expected):
    for array, other in zip(arrays, expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-5)


def _padded(rows, steps):
    return np.stack([np.pad(row, (0, steps - len(row))) for row in rows])


def _outputs(model, inputs):
    """Returns scores and both encodings."""
    return (
        scores_of(model(inputs)),
        model.encoder0(inputs["in0"]),
        model.encoder1(inputs["in1"]),
    )


def _compiled(model):
    """Returns `_outputs` for inputs of any shape, as NumPy arrays."""
    ids = tf.TensorSpec((None, None), "int64")
    function = tf.function(
        lambda inputs: _outputs(model, inputs),
        input_signature=[{"in0": ids, "in1": ids}],
    )
    return lambda inputs: [output.numpy() for output in function(inputs)]


def _call(layer, inputs, mask):
    output = layer(inputs, **_mask_argument(mask))
    return keras.ops.convert_to_numpy(output)


def _map(function, inputs):
    if isinstance(inputs, list):
        return [function(x) for x in inputs]
    return function(inputs)


def _mask_argument(mask):
    return {} if mask is None else {"mask": mask}


def _model_inputs(inputs, mask):
    inputs = inputs if isinstance(inputs, list) else [inputs]
    return inputs if mask is None else [*inputs, mask]


def _symbolic_input(array):
    has_steps = array.ndim == 3 or array.dtype.kind in "bi"
    shape = (None, *array.shape[2:]) if has_steps else array.shape[1:]
    return keras.Input(shape, dtype=array.dtype.name)


def _symbolic_model(layer, inputs, mask):
    symbols = _map(_symbolic_input, inputs)
    symbolic_mask = None if mask is None else _symbolic_input(mask)
    output = layer(symbols, **_mask_argument(symbolic_mask))
    return keras.Model(_model_inputs(symbols, symbolic_mask), output)


def _to_float(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def _weight_shapes(layer):
    prefix = f"{layer.name}/"
    return {w.path.removeprefix(prefix): tuple(w.shape) for w in layer.weights}
