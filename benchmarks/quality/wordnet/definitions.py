"""Examples of use for definitions: the recipe, its training, its ranking."""

import pathlib
import tempfile

import numpy as np

from benchmarks.quality import wordllama
from benchmarks.quality.wordnet.splits import TextSplit
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.evaluation.model_ranking import ModelRanking
from o2v_keras.evaluation.ranking_options import RankingOptions
from o2v_keras.text.learn_tokenizers import learn_tokenizers

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
    "epochs": sized(4, quick=1),
}

# wordllama's vectors are up to 20 long.
_FACTOR = 0.25


def train_texts(
    split: TextSplit, seed: int, with_wordllama: bool = False, **changes
) -> Object2Vec:
    """Returns a model trained on the split's training pairs.

    Args:
        split: `TextSplit`.
        seed: Initial weights and row order follow from it.
        with_wordllama: Whether token embeddings begin with wordllama's
            vectors, before the `enc_dim` numbers of `CONFIG`. Defaults to
            `False`.
        **changes: Fields of `CONFIG` to exchange.
    """
    config = Object2VecConfig(**CONFIG | changes | {"seed": seed})
    tokenizers = learn_tokenizers(split.train, config, verbose=0)
    config = tokenizers.configure(config)
    with tempfile.TemporaryDirectory() as folder:
        if with_wordllama:
            table = _table(config, tokenizers.in0)
            path = pathlib.Path(folder, "table.npy")
            np.save(path, table)
            config = config.replace(
                enc_dim=table.shape[1],
                enc0_pretrained_embedding_file=str(path),
                enc0_freeze_pretrained_embedding=False,
            )
        model = Object2Vec(config)
        model.tokenizers = tokenizers
        model.load_pretrained_vectors()
    model.steps_per_execution = 10
    data = split.train | {"label": np.ones(len(split.train["in0"]))}
    dataset = load_dataset(data, config, tokenizers=tokenizers, verbose=0)
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    return model


def _table(config, tokenizer):
    """Returns wordllama's vectors of words, before random numbers.

    n-grams begin with zeros in their place, so that a text's first numbers
    are the sum of its words' vectors.
    """
    ids = tokenizer.word_ids()
    vectors = np.zeros((config.enc0_vocab_size, wordllama.DIM), np.float32)
    vectors[list(ids.values())] = wordllama.word_vectors(ids) * _FACTOR
    # As Keras draws a table.
    generator = np.random.default_rng(config.seed)
    drawn = generator.uniform(-0.05, 0.05, (len(vectors), config.enc_dim))
    return np.hstack([vectors, drawn]).astype(np.float32)


def ranking(model: Object2Vec, split: TextSplit) -> ModelRanking:
    """Returns the ranking of all scored examples for each definition."""
    corpus = {"in1": split.scored["in1"]}
    options = RankingOptions(at=(1, 10))
    return ModelRanking(model, split.scored, corpus, options=options)
