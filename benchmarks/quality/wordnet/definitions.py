"""Examples of use for definitions: the recipe, its training, its ranking."""

import pathlib
import tempfile

import numpy as np

from benchmarks.quality.sentences.initial_table import initial_table
from benchmarks.quality.sentences.word_features import glove
from benchmarks.quality.wordnet.splits import TextSplit
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.data.text.learn_tokenizers import learn_tokenizers
from o2v_keras.data.text.tokenizers.learn_tokenizer import learn_tokenizer
from o2v_keras.data.text.vocabulary import Vocabulary
from o2v_keras.evaluation.model_ranking import ModelRanking

# The parts of the initial table that know nothing of WordNet, whose glosses
# hold the definitions and examples that are to be found.
WIDTHS = {"ngrams": 1024, "glove": 64}

CONFIG = {
    "enc0_max_seq_len": 200,
    "enc0_vocab_size": 1 << 20,
    "enc0_network": "pooled_embedding",
    "enc0_tokenizer": "words",
    "enc0_hash_buckets": 1 << 14,
    "enc0_freeze_pretrained_embedding": False,
    "enc_dim": sum(WIDTHS.values()),
    "tied_token_embedding_weight": True,
    "token_embedding_storage_type": "row_sparse",
    "output_layer": "in_batch_softmax",
    "negative_sampling_side": "both",
    "similarity": "cosine",
    "temperature": 0.1,
    "learning_rate": 0.02,
    "learning_rate_schedule": "cosine",
    "mini_batch_size": 512,
    "epochs": 8,
}


def train_texts(split: TextSplit, seed: int, **changes) -> Object2Vec:
    """Returns a model trained on the split's training pairs.

    Args:
        split: `TextSplit`.
        seed: Initial weights and row order follow from it.
        **changes: Fields of `CONFIG` to exchange.
    """
    definitions, examples = split.train
    texts = definitions + examples
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        fields = CONFIG | {"seed": seed} | changes
        fields["enc0_vocab_file"] = str(_write_vocabulary(texts, folder))
        config = Object2VecConfig(**fields)
        tokenizers = learn_tokenizers(
            {"in0": texts, "in1": texts}, config, verbose=0
        )
        path = folder / "table.npy"
        table = initial_table(
            tokenizers.in0, texts, tuple(WIDTHS), seed, WIDTHS
        )
        np.save(path, table)
        config = tokenizers.configure(config).replace(
            enc0_pretrained_embedding_file=str(path)
        )
        model = Object2Vec(config)
        model.tokenizers = tokenizers
        model.steps_per_execution = 10
        data = {"in0": definitions, "in1": examples}
        data["label"] = np.ones(len(definitions))
        dataset = load_dataset(data, config, tokenizers=tokenizers, verbose=0)
        model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    return model


def ranking(model: Object2Vec, split: TextSplit) -> ModelRanking:
    """Returns the ranking of all scored examples for each definition."""
    definitions, examples = split.scored
    return ModelRanking(
        model,
        {"in0": definitions, "in1": examples},
        corpus={"in1": examples},
        at=(1, 10),
    )


def _write_vocabulary(texts, folder):
    """Writes the words of the training texts, then those of GloVe."""
    words = dict.fromkeys(learn_tokenizer("words", texts).vocabulary.words)
    words.update(dict.fromkeys(glove()))
    path = folder / "words.txt"
    Vocabulary(list(words)).save(path)
    return path
