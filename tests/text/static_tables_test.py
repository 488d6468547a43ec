import json

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.static_tables import find_static_table
from o2v_keras.training.dry_run import dry_run
from tests.text import static_folders
from tests.text.static_folders import BERT
from tests.text.static_folders import DIM
from tests.text.static_folders import LLAMA

WORDPIECES = len(BERT["tokenizer"]["model"]["vocab"])
PIECES = len(LLAMA["tokenizer"]["model"]["vocab"])
UNKNOWN = 3
TEXTS = {"in0": ["a"], "in1": ["a"]}


def make_config(folder, tokenizer, **changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 512,
        "enc0_tokenizer": tokenizer,
        "enc0_pretrained_embedding_file": str(folder),
        "enc_dim": DIM,
        "shared_encoder": True,
        "output_layer": "in_batch_softmax",
    }
    return Object2VecConfig(**{**fields, **changes})


def make_model(folder, tokenizer, **changes):
    config = make_config(folder, tokenizer, **changes)
    tokenizers = learn_tokenizers(TEXTS, config)
    model = Object2Vec(tokenizers.configure(config))
    model.tokenizers = tokenizers
    model.load_pretrained_vectors()
    return model


def without_unknown(rows):
    return [[id_ for id_ in row if id_ != UNKNOWN] for row in rows]


def assert_gives(model, texts, expected):
    np.testing.assert_allclose(
        model.embed_texts(texts), expected, rtol=1e-5, atol=1e-5
    )


BERT_TEXTS, BERT_IDS = BERT["texts"], BERT["cases"][0]["ids"]
BERT_JSON = {
    **BERT["tokenizer"],
    "normalizer": BERT["cases"][0]["normalizer"],
}


@pytest.mark.parametrize("inner", ["", "0_StaticEmbedding"])
def test_static_embedding_keeps_unknown_words(tmp_path, inner):
    table = static_folders.vectors(WORDPIECES, "float16")
    folder = tmp_path / "st"
    static_folders.static_embedding(folder, BERT_JSON, table, inner)
    model = make_model(folder, "wordpiece")
    means = static_folders.means(BERT_IDS, table.astype("float32"))
    assert_gives(model, BERT_TEXTS, means)


def test_model2vec_drops_unknown_words(tmp_path):
    table = static_folders.vectors(WORDPIECES)
    folder = static_folders.model2vec(tmp_path / "m", BERT_JSON, table)
    model = make_model(folder, "wordpiece")
    rows = without_unknown(BERT_IDS)
    assert rows != BERT_IDS
    assert_gives(model, BERT_TEXTS, static_folders.means(rows, table))
    assert model.tokenizers.in0.drop_unknown


@pytest.mark.parametrize("weighting", ["none", "learned"])
def test_model2vec_maps_and_weights_tokens(tmp_path, weighting):
    generator = np.random.default_rng(1)
    few = static_folders.vectors(5)
    mapping = generator.integers(0, 5, WORDPIECES)
    weights = generator.uniform(0.1, 2, WORDPIECES)
    folder = static_folders.model2vec(
        *(tmp_path / "m", BERT_JSON, few), mapping=mapping, weights=weights
    )
    model = make_model(folder, "wordpiece", token_weighting=weighting)
    table = few[mapping] * weights[:, np.newaxis]
    means = static_folders.means(without_unknown(BERT_IDS), table)
    assert_gives(model, BERT_TEXTS, means)
    if weighting == "learned":
        learned = model.token_weights[0].embeddings.numpy().ravel()
        np.testing.assert_allclose(learned[4:], weights[4:], rtol=1e-6)
        assert len(model.trainable_weights) == 1  # the table is frozen


def test_weights_of_a_folder_exclude_those_of_counts(tmp_path):
    table = static_folders.vectors(WORDPIECES)
    folder = static_folders.model2vec(
        *(tmp_path / "m", BERT_JSON, table), weights=np.ones(WORDPIECES)
    )
    config = make_config(folder, "wordpiece", token_weighting="sif")
    with pytest.raises(ValueError, match='must be "none" or "learned" with'):
        vector_sources(config)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_wordllama_tokenizes_as_llama(tmp_path, dtype):
    table = (10 * static_folders.vectors(PIECES)).astype(dtype)
    tokenizer = LLAMA["tokenizer"]
    folder = static_folders.wordllama(tmp_path / "w", tokenizer, table)
    model = make_model(folder, "sentencepiece")
    expected = static_folders.means(LLAMA["ids"], table.astype("float32"))
    assert_gives(model, LLAMA["texts"], expected)


def test_a_token_with_id_0_has_its_row(tmp_path):
    tokens = ["dog", "cat", "[UNK]"]
    tokenizer = json.loads(json.dumps(BERT_JSON))
    tokenizer["added_tokens"] = []
    tokenizer["model"]["vocab"] = {t: i for i, t in enumerate(tokens)}
    table = static_folders.vectors(3)
    folder = tmp_path / "st"
    static_folders.static_embedding(folder, tokenizer, table)
    model = make_model(folder, "wordpiece")
    assert_gives(
        model,
        ["dog", "cat dog", "gnu"],
        [table[0], (table[0] + table[1]) / 2, table[2]],
    )


def test_a_tied_table_takes_the_folder_of_either_side(tmp_path):
    table = static_folders.vectors(PIECES)
    static_folders.wordllama(tmp_path / "w", LLAMA["tokenizer"], table)
    sizes = {"max_seq_len": 9, "vocab_size": PIECES + 1}
    sides = {
        f"enc{n}_{name}": value for n in (0, 1) for name, value in sizes.items()
    }
    config = Object2VecConfig(
        **sides,
        enc0_network="pooled_embedding",
        enc1_network="pooled_embedding",
        enc0_tokenizer="sentencepiece",
        enc1_tokenizer="sentencepiece",
        enc1_pretrained_embedding_file="w",
        tied_token_embedding_weight=True,
        enc_dim=DIM,
    )
    tokenizers = learn_tokenizers(TEXTS, config, auxiliary=tmp_path)
    assert tokenizers.in0 is tokenizers.in1
    model = Object2Vec(config)
    model.tokenizers = tokenizers
    (coverage,) = model.load_pretrained_vectors(tmp_path)
    assert str(coverage).startswith(f"enc1: {PIECES} of {PIECES} tokens")
    assert_gives(
        model, LLAMA["texts"][:1], static_folders.means(LLAMA["ids"][:1], table)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"enc0_tokenizer": "words"}, "`enc0_tokenizer` must be 'sentencep"),
        ({"enc0_tokenizer": ""}, "must be 'sentencepiece'.*Received: .*=''"),
        ({"enc0_vocab_file": "a.txt"}, "`enc0_vocab_file` must be ''"),
        ({"enc0_vocab_size": 99}, "makes 521 ids.* Set it to 521"),
        ({"enc0_min_count": 2}, "`min_count` must be 1"),
        ({"enc0_hash_buckets": 2}, "`hash_buckets` must be 0"),
        ({"enc_dim": 16}, r"`enc_dim`\) to 8"),
    ],
)
def test_settings_must_fit_the_folder(tmp_path, changes, message):
    folder = static_folders.wordllama(
        tmp_path / "w", LLAMA["tokenizer"], static_folders.vectors(PIECES)
    )
    changes = {"enc0_vocab_size": 999, **changes}
    tokenizer = changes.pop("enc0_tokenizer", "sentencepiece")
    with pytest.raises(ValueError, match=message):
        make_model(folder, tokenizer, **changes)


def test_a_file_of_the_folder_is_no_table(tmp_path):
    folder = static_folders.wordllama(
        tmp_path / "w", LLAMA["tokenizer"], static_folders.vectors(PIECES)
    )
    (file,) = folder.glob("weights/*")
    message = "`enc0_pretrained_embedding_file` must name the whole folder"
    with pytest.raises(ValueError, match=message):
        make_model(file, "sentencepiece", enc0_vocab_size=999)


def test_the_tokenizer_must_be_the_folders(tmp_path):
    folders = [
        static_folders.model2vec(
            tmp_path / name,
            {
                **BERT_JSON,
                "added_tokens": [],
                "model": {**BERT_JSON["model"], "vocab": vocabulary},
            },
            static_folders.vectors(4),
        )
        for name, vocabulary in (
            ("first", {"[PAD]": 0, "[UNK]": 1, "dog": 2, "cat": 3}),
            ("second", {"[PAD]": 0, "[UNK]": 1, "cat": 2, "dog": 3}),
        )
    ]
    config = make_config(folders[0], "wordpiece")
    other = config.replace(enc0_pretrained_embedding_file=str(folders[1]))
    tokenizers = learn_tokenizers(TEXTS, other)
    model = Object2Vec(tokenizers.configure(config))
    model.tokenizers = tokenizers
    with pytest.raises(DataError, match="must be those of its own tokenizer"):
        model.load_pretrained_vectors()


def dense_module(folder):
    modules = [{"type": "sentence_transformers.models.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules))


def other_key(folder):
    static_folders.write_safetensors(
        folder / "model.safetensors", {"table": static_folders.vectors(3)}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dense_module, "modules must be StaticEmbedding and Normalize alone"),
        (other_key, "must hold static token vectors.*embedding.weight.*table"),
        (lambda f: (f / "tokenizer.json").unlink(), "must hold static token"),
        (
            lambda f: (f / "tokenizer.json").write_text("{}"),
            "must be a tokenizer of Hugging Face's",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"x" * 99),
            "must be a whole file in the format",
        ),
    ],
    ids=["module", "key", "tokenizer", "empty tokenizer", "broken"],
)
def test_another_folder_is_refused(tmp_path, change, message):
    folder = static_folders.static_embedding(
        tmp_path / "st", BERT_JSON, static_folders.vectors(WORDPIECES)
    )
    change(folder)
    with pytest.raises(DataError, match=message):
        find_static_table(folder)


def test_an_error_lists_the_layouts(tmp_path):
    with pytest.raises(DataError, match="0_StaticEmbedding.*mapping.*weights/"):
        find_static_table(tmp_path)


@pytest.mark.parametrize(
    ("table", "tensors", "message"),
    [
        (static_folders.vectors(9), {}, "`embeddings` must have a row for"),
        (
            static_folders.vectors(2),
            {"mapping": np.full(WORDPIECES, 2)},
            "`mapping` must have rows of `embeddings`, 0 to 1",
        ),
        (
            static_folders.vectors(2),
            {"mapping": np.zeros(3, "int32")},
            "`mapping` must have a row for each",
        ),
        (
            static_folders.vectors(WORDPIECES),
            {"weights": np.full(WORDPIECES, np.nan)},
            "`weights` must be finite",
        ),
        (
            static_folders.vectors(WORDPIECES),
            {"weights": np.ones(3)},
            "`weights` must have a row for each",
        ),
        (static_folders.vectors(WORDPIECES) * np.nan, {}, "NaN or infinity"),
    ],
    ids=["rows", "mapping", "short", "nan weights", "few weights", "nan"],
)
def test_a_table_must_fit_its_tokens(tmp_path, table, tensors, message):
    folder = static_folders.model2vec(
        tmp_path / "m", BERT_JSON, table, **tensors
    )
    with pytest.raises(DataError, match=message):
        make_model(folder, "wordpiece")


def test_a_check_reads_the_vectors(tmp_path):
    table = static_folders.vectors(WORDPIECES)
    table[-1] = np.nan
    folder = static_folders.model2vec(tmp_path / "m", BERT_JSON, table)
    file = tmp_path / "train.jsonl"
    file.write_text('{"in0": "the dog", "in1": "a dog", "label": 1}\n' * 3)
    config = make_config(
        folder, "wordpiece", output_layer="softmax", mini_batch_size=2
    )
    with pytest.raises(DataError, match=f"row {WORDPIECES - 1} of `embed"):
        dry_run(config, file, PairColumns())
