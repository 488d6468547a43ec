"""WordNet categories paired with definitions, from text to a SavedModel.

What `make demo` runs; each `# %%` begins a cell for editors that know them.
A category such as `noun.animal` is one token (`in0`), its definition a
sequence of words (`in1`): both are given as texts. Only true pairs are given;
training draws the negatives.
"""

# %%
import collections
import json
import pathlib
import shlex
import shutil

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402

from export import export_saved_model  # noqa: E402
from o2v_keras import embed  # noqa: E402
from o2v_keras import load_model  # noqa: E402
from o2v_keras import predict_scores  # noqa: E402
from o2v_keras.__main__ import main as o2v  # noqa: E402
from o2v_keras.datasets.wordnet import load_wordnet_sample  # noqa: E402

BUILD = pathlib.Path("build/demo")
NEGATIVES = 5
PROBES = (
    "a large wild cat",
    "a person who plays a musical instrument",
    "to move very fast on foot",
)


def title(text):
    print(f"\n== {text}", flush=True)


def run(command):
    """Shows and runs an `o2v` command."""
    print(f"$ o2v {command}", flush=True)
    if o2v(shlex.split(command)):
        raise SystemExit(f"o2v {command} failed")


# %%
title("1. Pairs of texts, as JSON Lines")
shutil.rmtree(BUILD, ignore_errors=True)
BUILD.mkdir(parents=True)
splits = load_wordnet_sample()
categories = sorted(
    {synset.category for synsets in splits.values() for synset in synsets}
)


def write_pairs(name, negatives):
    """Writes true pairs, and with them false ones for validation and test."""
    generator = np.random.default_rng(0)
    path = BUILD / f"{name}.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for synset in splits[name]:
            others = np.setdiff1d(categories, synset.category)
            false = generator.choice(others, negatives, replace=False).tolist()
            for label, category in [
                (1, synset.category),
                *((0, other) for other in false),
            ]:
                record = {
                    "label": label,
                    "in0": category,
                    "in1": synset.definition,
                }
                file.write(json.dumps(record) + "\n")
    return path


files = {
    "train": write_pairs("train", negatives=0),
    "validation": write_pairs("validation", NEGATIVES),
    "test": write_pairs("test", NEGATIVES),
}
print(
    f"{sum(map(len, splits.values())):,} synsets, {len(categories)} categories"
)
print("first record:", files["train"].read_text().split("\n", 1)[0])

# %%
title("2. Hyperparameters, and what `check` says to them")
hyperparameters = {
    "enc0_tokenizer": "category",
    "enc0_network": "pooled_embedding",
    "enc0_max_seq_len": 1,
    "enc0_vocab_size": 100,
    "enc1_tokenizer": "words",
    "enc1_min_count": 2,
    "enc1_network": "pooled_embedding",
    "enc1_max_seq_len": 100,
    "enc1_vocab_size": 50_000,
    "enc_dim": 64,
    "comparator_list": "hadamard",
    "mlp_layers": 1,
    "mlp_dim": 64,
    "mlp_activation": "relu",
    "dropout": 0.2,
    "learning_rate": 0.003,
    "mini_batch_size": 256,
    "epochs": 10,
    "early_stopping_patience": 2,
    "early_stopping_tolerance": 0.001,
    "negative_sampling_rate": NEGATIVES,
    "negative_sampling_side": "in0",
    "negative_sampling_distribution": "objects",
}
(BUILD / "hyperparameters.json").write_text(
    json.dumps(hyperparameters, indent=2)
)
run(
    f"check --data {files['train']} --training "
    f"--hyperparameters {BUILD}/hyperparameters.json"
)

# %%
title("3. Training")
run(
    f"train --train {files['train']} --validation {files['validation']} "
    f"--test {files['test']} --hyperparameters {BUILD}/hyperparameters.json "
    f"--model-dir {BUILD}/model"
)
model = load_model(BUILD / "model")
sizes = [model.config.enc0_vocab_size, model.config.enc1_vocab_size]
print(f"learned {sizes[0]} ids of categories and {sizes[1]:,} of words")

# %%
title("4. The true category among all 45, on the test definitions")
test = splits["test"]
true = np.array([categories.index(synset.category) for synset in test])
every_pair = {
    "in0": [category for _ in test for category in categories],
    "in1": [synset.definition for synset in test for _ in categories],
}
scores = predict_scores(model, every_pair)[:, 1]
scores = scores.reshape(len(test), len(categories))
true_scores = scores[np.arange(len(test)), true][:, np.newaxis]
# A tie counts against the model.
ranks = (scores >= true_scores).sum(axis=1)
by_frequency = collections.Counter(
    synset.category for synset in splits["train"]
)
frequent3 = [categories.index(n) for n, _ in by_frequency.most_common(3)]
print(f"{'':26}first  in the first three")
print(f"{'model':26}{(ranks <= 1).mean():.3f}  {(ranks <= 3).mean():.3f}")
print(
    f"{'most frequent categories':26}{(true == frequent3[0]).mean():.3f}  "
    f"{np.isin(true, frequent3).mean():.3f}"
)

# %%
title("5. Export, and a request to each signature")
version = export_saved_model(model, BUILD / "export")
served = tf.saved_model.load(str(version))
in0, in1 = tf.constant(["noun.animal"]), tf.constant([PROBES[0]])
answer = served.signatures["serving_default"](in0=in0, in1=in1)
print(f'serving_default: "noun.animal" and "{PROBES[0]}"')
false_score, true_score = answer["scores"].numpy()[0]
print(f"  scores: [[{false_score:.4f}, {true_score:.4f}]]")
answer = served.signatures["encoder_embeddings"](
    in0=tf.constant([], tf.string), in1=in1
)
embedding = answer["embeddings"].numpy()[0]
print(f'encoder_embeddings: in1 is "{PROBES[0]}"')
first = ", ".join(f"{number:.4f}" for number in embedding[:3])
print(f"  embeddings: [[{first}, ...]], {len(embedding)} numbers")

# %%
title("6. Nearest definitions by cosine, among all 30,000")


def unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


synsets = [synset for split in splits.values() for synset in split]
every = [synset.definition for synset in synsets]
known = unit(embed(model, "in1", {"in1": every}))
asked = unit(embed(model, "in1", {"in1": PROBES}))
for probe, row in zip(PROBES, asked @ known.T, strict=True):
    print(f'"{probe}"')
    for place in np.argsort(-row)[:3]:
        synset = synsets[place]
        print(
            f"  {row[place]:.3f}  {synset.category}: "
            f"{synset.lemmas[0].replace('_', ' ')}, {synset.definition}"
        )

# %%
title("7. A map of the 45 categories")
vectors = unit(embed(model, "in0", {"in0": categories}))
projection = PCA(n_components=2).fit(vectors)
points = projection.transform(vectors)
colors = {"noun": "C0", "verb": "C1", "adj": "C2", "adv": "C3"}
figure, axes = plt.subplots(figsize=(11, 8.5), layout="constrained")
for part, color in colors.items():
    chosen = [name.startswith(part + ".") for name in categories]
    axes.scatter(*points[chosen].T, color=color, label=part, s=20)
for name, point in zip(categories, points, strict=True):
    axes.annotate(
        name.split(".")[1],
        point,
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=8,
    )
share = projection.explained_variance_ratio_.sum()
axes.set_title(
    f"WordNet categories, embeddings of encoder0 (PCA, {share:.0%} of variance)"
)
axes.set_xlabel("first component")
axes.set_ylabel("second component")
axes.legend(title="part of speech")
figure.savefig(BUILD / "categories.png", dpi=120)

# %%
title("Where everything lies")
for path, what in (
    (BUILD / "train.jsonl", "records; validation.jsonl and test.jsonl beside"),
    (BUILD / "model", "model.keras, metrics.json, history.csv"),
    (version, "the SavedModel, as TF Serving takes it"),
    (BUILD / "categories.png", "the map"),
):
    print(f"{path}  {what}")
