"""Builds the SavedModels that `cases.json` needs.

The language of its models is explained in the file, under `meta`.
"""

import tensorflow as tf

_DTYPES = {
    "float": tf.float32,
    "double": tf.float64,
    "half": tf.float16,
    "string": tf.string,
    **{
        name: getattr(tf, name)
        for name in (
            "int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool bfloat16"
        ).split()
    },
}


def build_models(models, folder):
    """Writes the models and returns the path of their configuration.

    Args:
        models: list. `models` of the file.
        folder: `pathlib.Path`. Gets `<model>/<version>/` and `models.config`.
    """
    configs = []
    for model in models:
        for version, signatures in model["versions"].items():
            write_model(folder / model["name"] / version, signatures)
        configs.append(_config(model, folder / model["name"]))
    file = folder / "models.config"
    file.write_text("\n".join(["model_config_list {", *configs, "}"]))
    return file


def write_model(folder, signatures):
    """Writes one version.

    Args:
        folder: `pathlib.Path`. Where to.
        signatures: dict. Its signatures in the language of the file.
    """
    functions = {
        name: _signature_function(signature)
        for name, signature in signatures.items()
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures=functions)


def _config(model, base_path):
    lines = [
        f'name: "{model["name"]}"',
        f'base_path: "{base_path}"',
        'model_platform: "tensorflow"',
    ]
    if model["serve"]["policy"] == "specific":
        versions = " ".join(
            f"versions: {v}" for v in model["serve"]["versions"]
        )
        lines.append(f"model_version_policy {{ specific {{ {versions} }} }}")
    for label, version in model["labels"].items():
        lines.append(f'version_labels {{ key: "{label}" value: {version} }}')
    return f"config {{ {' '.join(lines)} }}"


def _signature_function(signature):
    inputs = signature["inputs"]
    defaults = {
        each["name"]: tf.constant(each["default"], _DTYPES[each["dtype"]])
        for each in inputs
        if "default" in each
    }
    specs = [
        tf.TensorSpec(_shape(each), _DTYPES[each["dtype"]], name=each["name"])
        for each in inputs
    ]

    def outputs(given):
        return {
            each["name"]: _evaluate(each["expr"], given)
            for each in signature["outputs"]
        }

    # A SavedModel takes the names from the parameters, so these are written.
    names = [each["name"] for each in inputs]
    parameters = [
        f"{name}=defaults[{name!r}]" if name in defaults else name
        for name in names
    ]
    given = ", ".join(f"{name}={name}" for name in names)
    namespace = {"outputs": outputs, "defaults": defaults}
    exec(
        f"def call({', '.join(parameters)}):\n"
        f"    return outputs(dict({given}))",
        namespace,
    )
    return tf.function(
        namespace["call"], input_signature=specs, autograph=False
    )


def _shape(each):
    if each["shape"] is None:
        return None
    return [None if size == -1 else size for size in each["shape"]]


def _evaluate(expr, inputs):
    """Returns one output."""
    op = expr["op"]
    if op == "add":
        return inputs[expr["of"][0]] + inputs[expr["of"][1]]
    x = inputs[expr["of"]]
    if op == "identity":
        return tf.identity(x)
    if op == "affine":
        return x * expr["scale"] + expr["offset"]
    if op == "sum_all":
        return tf.reduce_sum(x)
    if op == "repeat_batch":
        return tf.concat([x] * expr["times"], 0)
    if op == "cast":
        return tf.cast(x, _DTYPES[expr["to"]])
    if op == "const_classes":
        return tf.tile([expr["values"]], [tf.shape(x)[0], 1])
    return _evaluate_examples(expr, x)


def _evaluate_examples(expr, x):
    feature = expr["feature"]
    if expr["op"] == "example_int64_sum":
        spec = {feature: tf.io.RaggedFeature(tf.int64)}
        values = tf.io.parse_example(x, spec)[feature]
        return tf.cast(tf.reduce_sum(values, 1), tf.float32)
    spec = {feature: tf.io.FixedLenFeature([], tf.float32, expr["default"])}
    value = tf.io.parse_example(x, spec)[feature]
    if expr["op"] == "example_scores":
        return tf.stack([value * scale for scale in expr["scales"]], 1)
    value = value * expr["scale"] + expr["offset"]
    return tf.expand_dims(value, 1) if expr.get("column") else value
