"""How a model learns to find the examples of definitions."""

from benchmarks.quality.definitions.split import Split
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras import rank
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.text.learn_tokenizers import learn_tokenizers

# Chosen on validation; benchmarks/quality/README.md says what was tried.
CONFIG = {
    "enc0_tokenizer": "ngrams",
    "enc0_vocab_size": 100_000,
    "enc0_min_count": 2,
    "enc0_hash_buckets": 60_000,
    "enc0_max_seq_len": 1500,
    "enc0_network": "pooled_embedding",
    "tied_token_embedding_weight": True,
    "token_embedding_storage_type": "row_sparse",
    "enc_dim": 256,
    "output_layer": "in_batch_softmax",
    "similarity": "cosine",
    "temperature": 0.1,
    "sampling_bias_correction": False,
    "negative_sampling_side": "both",
    "learning_rate": 0.003,
    "mini_batch_size": 512,
    "epochs": 4,
}


def train(split: Split, seed: int, **changes) -> Object2Vec:
    """Returns a model that has learned from a split.

    Args:
        split: `Split`.
        seed: Initial weights and the order of rows follow from it.
        **changes: Fields of `CONFIG` to exchange.
    """
    config = Object2VecConfig(**CONFIG | changes | {"seed": seed})
    tokenizers = learn_tokenizers(
        split.training, config, PairColumns(), None, 0
    )
    config = tokenizers.configure(config)
    model = Object2Vec(config)
    model.tokenizers = tokenizers
    model.steps_per_execution = 10
    dataset = load_dataset(
        split.training, config, tokenizers=tokenizers, verbose=0
    )
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    return model


def scores(model: Object2Vec, split: Split) -> dict[str, dict[str, float]]:
    """Ranks all examples for each definition.

    Args:
        model: From `train`.
        split: `Split`.

    Returns:
        Name -> metrics: of the model under `ours`, and of the baselines.
    """
    corpus = {"in1": split.scored["in1"]}
    result = rank(model, split.scored, corpus, at=[1, 10])
    return {**result["baselines"], "ours": result["metrics"]}
