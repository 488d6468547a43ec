"""The same model in stock Keras layers, as its users write it.

Run by `benchmarks.training` with a folder; every batch is padded to
`max_seq_len`, or with `--our-batches` comes from the pipeline of o2v_keras.
"""

import pathlib
import sys

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402
from keras import ops  # noqa: E402

from benchmarks.training.keras_rounds import fit_in_rounds  # noqa: E402
from benchmarks.training.keras_rounds import read_pairs  # noqa: E402
from benchmarks.training.keras_rounds import read_setup  # noqa: E402
from benchmarks.training.ours import read_batches  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402


def _pooled(config, _, embedded):
    pooled = layers.GlobalAveragePooling1D()(embedded)
    return layers.Dropout(config["dropout"])(pooled)


def _hcnn(config, convolutions, embedded):
    maxima = []
    for _ in range(convolutions):
        embedded = layers.Conv1D(
            config["enc_dim"] // convolutions,
            config["enc0_cnn_filter_width"],
            padding="same",
            activation="relu",
        )(embedded)
        maxima.append(layers.GlobalMaxPooling1D()(embedded))
    return layers.Concatenate()(maxima)


def _bilstm(config, lstms, embedded):
    for _ in range(lstms):
        embedded = layers.Bidirectional(
            layers.LSTM(config["enc_dim"] // 2, return_sequences=True)
        )(embedded)
    return layers.GlobalMaxPooling1D()(embedded)


_ENCODERS = {"pooled_embedding": _pooled, "hcnn": _hcnn, "bilstm": _bilstm}


def build_model(config: dict, encoder_layers: list[int]) -> keras.Model:
    """Returns the compiled model of a resolved configuration."""
    # Convolutions and maxima know no mask. Stock LSTMs do, and are slower
    # with one; this one is given none, in the contest's favour.
    masked = config["enc0_network"] == "pooled_embedding"

    def table(side):
        return layers.Embedding(
            config[f"{side}_vocab_size"],
            config[f"{side}_token_embedding_dim"],
            mask_zero=masked,
        )

    tables = [table("enc0"), table("enc1")]
    if config["tied_token_embedding_weight"]:
        tables = [tables[0]] * 2
    inputs = {
        name: keras.Input((None,), dtype="int64", name=name)
        for name in ("in0", "in1")
    }
    encode = _ENCODERS[config["enc0_network"]]
    first, second = (
        encode(config, count, embed(ids))
        for embed, ids, count in zip(
            tables, inputs.values(), encoder_layers, strict=True
        )
    )
    compared = {
        "hadamard": layers.Multiply()([first, second]),
        "concat": layers.Concatenate()([first, second]),
        "abs_diff": ops.abs(first - second),
    }
    compared = [compared[name] for name in config["comparator_list"]]
    hidden = layers.Concatenate()(compared) if compared[1:] else compared[0]
    for _ in range(config["mlp_layers"]):
        hidden = layers.Dense(config["mlp_dim"], config["mlp_activation"])(
            hidden
        )
        hidden = layers.Dropout(config["dropout"])(hidden)
    if config["output_layer"] == "softmax":
        scores = layers.Dense(config["num_classes"], "softmax")(hidden)
        loss, metrics = "sparse_categorical_crossentropy", ["accuracy"]
    else:
        scores = layers.Dense(1)(hidden)
        loss, metrics = "mse", ["mae"]
    model = keras.Model(inputs, scores)
    model.compile(
        keras.optimizers.Adam(config["learning_rate"]), loss, metrics=metrics
    )
    return model


def _padded_batches(folder, config):
    columns = read_pairs(folder / "pairs.npz")
    inputs = {
        side: keras.utils.pad_sequences(
            np.split(
                columns[f"{side}_values"], columns[f"{side}_offsets"][1:-1]
            ),
            maxlen=config[f"{number}_max_seq_len"],
            dtype="int64",
            padding="post",
            truncating="post",
        )
        for side, number in (("in0", "enc0"), ("in1", "enc1"))
    }
    labels = columns["labels"].astype(
        "int64" if config["output_layer"] == "softmax" else "float32"
    )
    return (
        tf.data.Dataset.from_tensor_slices((inputs, labels))
        .shuffle(10_000, seed=0)
        .batch(config["mini_batch_size"])
        .prefetch(tf.data.AUTOTUNE)
    )


def main(folder, *options):
    """Builds the model and plays rounds."""
    folder = pathlib.Path(folder)
    setup = read_setup(folder)
    config = setup["config"]
    model = build_model(config, setup["layers"])
    if "--our-batches" in options:
        batches = read_batches(folder, Object2VecConfig.from_dict(config))
    else:
        batches = _padded_batches(folder, config)
    fit_in_rounds(model, batches, setup["steps"])


if __name__ == "__main__":
    main(*sys.argv[1:])
