"""A tokenizer of one's own, from its definition to a served request."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from export import export_saved_model
from o2v_keras.__main__ import main
from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from serving.local_model import LocalModel
from tests.training.small_training import make_config


@keras.saving.register_keras_serializable(package="my_package")
class Characters(Tokenizer):
    """Ids of the characters of texts."""

    def __init__(self, characters="", **kwargs):
        super().__init__(**kwargs)
        if characters:
            self.set_characters(characters)

    def set_characters(self, characters):
        self.characters = characters
        with tf.init_scope():
            keys = tf.constant([*characters], tf.string, [len(characters)])
            ids = tf.range(2, 2 + len(characters), dtype="int64")
            self.table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(keys, ids), 1
            )

    @property
    def vocab_size(self):
        return 2 + len(self.characters)

    def tokenize(self, texts):
        parts = tf.strings.unicode_split(texts, "UTF-8")
        return parts.with_values(self.table.lookup(parts.values))

    @classmethod
    def learn(cls, texts, vocab_size=None, min_count=1, hash_buckets=0):
        return cls("".join(sorted(set("".join(texts)))))

    def get_config(self):
        return super().get_config()  # the characters are an asset

    def save_assets(self, folder):
        pathlib.Path(folder, "characters.txt").write_text(self.characters)

    def load_assets(self, folder):
        file = pathlib.Path(folder, "characters.txt")
        self.set_characters(file.read_text())


KIND = "my_package>Characters"
TEXTS = {"enc0_tokenizer": KIND, "enc0_vocab_size": 99, "enc0_max_seq_len": 9}
SOURCE = {
    "in0": ["abc", "bcd", "cab"],
    "in1": ["xyz", "xz", "b"],
    "label": [0, 1, 0],
}
QUERIES = ["cabs", "", "d?"]


@pytest.mark.slow
def test_from_definition_to_a_served_string(tmp_path):
    tokenizer = Characters("abcdxyz")
    tokenizers = PairTokenizers(tokenizer, tokenizer)
    config = tokenizers.configure(make_config(**TEXTS))
    model = Object2Vec(config)
    model.tokenizers = tokenizers
    data = load_dataset(SOURCE, config, tokenizers=tokenizers)
    model.fit(data, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.tokenizers.in1.characters == "abcdxyz"
    encodings = loaded.embed_texts(QUERIES)
    np.testing.assert_array_equal(encodings, model.embed_texts(QUERIES))
    version = export_saved_model(loaded, tmp_path / "served")
    served = LocalModel(version).embed(in0=QUERIES)
    np.testing.assert_allclose(served, encodings, rtol=0, atol=1e-6)


def test_commands_take_its_registered_name(tmp_path, capsys):
    settings = tmp_path / "h.json"
    settings.write_text(json.dumps(make_config(**TEXTS).to_dict()))
    data = tmp_path / "train.jsonl"
    rows = [
        dict(zip(SOURCE, row, strict=True))
        for row in zip(*SOURCE.values(), strict=True)
    ]
    data.write_text("\n".join(map(json.dumps, rows)))
    folder = tmp_path / "model"
    command = f"train --train {data} --hyperparameters {settings}"
    assert main([*command.split(), "--model-dir", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f'in0 and in1: texts, by the tokenizer "{KIND}" of 9 ids' in said
    tokenizers = PairTokenizers.load(folder / "model.keras")
    assert tokenizers.in0.characters == "abcdxyz"
    assert tokenizers.in0 is tokenizers.in1


def test_a_name_that_is_not_registered_is_refused():
    config = Object2VecConfig(
        enc0_max_seq_len=1, enc0_vocab_size=9, enc0_tokenizer="none>Such"
    )
    with pytest.raises(ValueError, match="whose module is imported.*none>Such"):
        learn_tokenizers(SOURCE, config)
    with pytest.raises(ValueError, match="or a class of your own"):
        Object2VecConfig(
            enc0_max_seq_len=1, enc0_vocab_size=9, enc0_tokenizer="Such"
        )


def test_its_vocabulary_file_must_be_one_it_reads():
    with pytest.raises(ValueError, match="Characters, which reads no vocab"):
        learn_tokenizers(SOURCE, make_config(**TEXTS, enc0_vocab_file=__file__))
