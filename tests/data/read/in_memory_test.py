import re

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read_source import read_source
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.evaluation.rank import rank
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.training.train import train

COLUMNS = PairColumns("user", "plot", "liked", "importance")
ROWS = {
    "user": [[7, 8], [9], [7]],
    "plot": ["a dog", "a cat", "the end"],
    "liked": [1, 0, 1],
    "importance": [1.0, 0.5, 2.0],
    "other": [None, "x", "y"],
}
SIZES = {
    "enc0_max_seq_len": 3,
    "enc0_vocab_size": 10,
    "enc0_network": "pooled_embedding",
    "enc1_network": "pooled_embedding",
    "enc1_max_seq_len": 3,
    "enc1_vocab_size": 10,
    "enc_dim": 4,
    "mlp_dim": 4,
    "epochs": 1,
}
TEXTS = Object2VecConfig(**SIZES, enc1_tokenizer="words")
IDS = Object2VecConfig(**SIZES)


def odd_pandas(rows):
    """An index that begins at 50, categories, and a column of anything."""
    frame = pd.DataFrame(rows, index=[50, 60, 70])
    frame["plot"] = pd.Categorical(frame["plot"])
    frame["anything"] = [1, [2], "x"]
    return frame


def odd_polars(rows):
    frame = pl.DataFrame(rows).with_columns(pl.col("plot").cast(pl.Categorical))
    return frame.with_columns(anything=pl.Series([object()] * 3))


FORMS = {
    "mapping": dict,
    "pandas": pd.DataFrame,
    "odd_pandas": odd_pandas,
    "polars": pl.DataFrame,
    "odd_polars": odd_polars,
    "arrow_table": pa.table,
    "arrow_batch": lambda rows: pa.table(rows).to_batches()[0],
    "hugging_face": datasets.Dataset.from_dict,
    "hugging_face_stream": lambda rows: datasets.Dataset.from_dict(
        rows
    ).to_iterable_dataset(),
}


@pytest.fixture(scope="module")
def tokenizers():
    return learn_tokenizers(ROWS, TEXTS, COLUMNS)


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_pairs(form, tokenizers):
    source = FORMS[form](ROWS)
    assert is_in_memory(source)
    own = learn_tokenizers(source, TEXTS, COLUMNS)
    assert own.fingerprint() == tokenizers.fingerprint()
    config = own.configure(TEXTS)
    table = load_pairs(source, config, tokenizers=own, columns=COLUMNS)
    assert [ids.tolist() for ids in table.in0] == ROWS["user"]
    assert table.in1.lengths.tolist() == [2, 2, 2]
    assert table.labels.tolist() == ROWS["liked"]
    assert table.weights.tolist() == ROWS["importance"]
    assert table.locate(2) == "row 2"


def test_a_stream_is_read_once():
    table = pa.table({"in0": [1, 2], "in1": [[3], [4]], "label": [0, 1]})
    pairs = load_pairs(table.to_reader(), IDS)
    assert pairs.in0.values.tolist() == [1, 2]
    with pytest.raises(ValueError, match="a RecordBatchReader only once"):
        learn_tokenizers(pa.table(ROWS).to_reader(), TEXTS, COLUMNS)


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pd.Series([1, 2, 3]), [1, 2, 3]),
        (pd.Series([1.0, 2.0, 3.0]), [1, 2, 3]),
        (pd.Series([1, 2, 3], dtype="UInt8"), [1, 2, 3]),
        (pd.Categorical([4, 5, 4]), [4, 5, 4]),
        (pd.Series([np.array([1, 2]), (3,), [4]]), [1, 2, 3, 4]),
        (
            pd.Series(
                [[1], [2], [3]], dtype=pd.ArrowDtype(pa.list_(pa.int32()))
            ),
            [1, 2, 3],
        ),
    ],
    ids=["integers", "whole_floats", "nullable", "category", "lists", "arrow"],
)
def test_ids_of_a_frame_take_many_forms(column, ids):
    frame = pd.DataFrame({"in0": column, "in1": [1, 2, 3], "label": [1, 0, 1]})
    assert load_pairs(frame, IDS).in0.values.tolist() == ids


def test_missing_values_are_faults_of_their_rows(tmp_path):
    frame = pd.DataFrame(
        {
            "in0": [[1], None, [3], [4], [5]],
            "in1": [1, 2, None, 4, 5],
            "label": [1, 0, 1, np.nan, 1],
        }
    )
    for source in (frame, pl.from_pandas(frame, nan_to_null=True)):
        with pytest.raises(DataError) as error:
            load_pairs(source, IDS)
        for text in (
            "5 rows read, 3 with errors",
            'row 1: .*"in0"',
            'row 2: .*"in1"',
            'row 3: .*"label"',
        ):
            assert re.search(text, str(error.value))
    with pytest.warns(UserWarning, match="3 of 5 rows have errors"):
        table = load_pairs(
            frame, IDS, rejected_rows_file=tmp_path / "bad", max_skipped=1
        )
    assert table.origin.numbers.tolist() == [0, 4]


def test_bad_rows_are_kept_as_they_were(tmp_path, tokenizers):
    rows = ROWS | {"liked": [1, 0, 7], "plot": ["a", " ", "b"]}
    frame = odd_pandas(rows)
    for source in (pa.table(rows), rows, frame, dict(frame)):
        with pytest.warns(UserWarning, match="2 of 3 rows have errors"):
            load_pairs(
                source,
                tokenizers.configure(TEXTS),
                rejected_rows_file=tmp_path / "bad",
                tokenizers=tokenizers,
                columns=COLUMNS,
                max_skipped=1,
            )
        kept = (tmp_path / "bad").read_text()
        assert r"{\"user\": [9], \"plot\": \" \", \"liked\": 0, \"" in kept
        assert r"\"plot\": \"b\", \"liked\": 7" in kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in0": [1, [2], 3]}, '"in0" holds 1 in row 0 and .2. in row 1'),
        ({"in0": [1, "b", 3]}, "holds 1 in row 0 and 'b' in row 1"),
        ({"in0": [1.5, 2, 3]}, 'column "in0" is double, must be integers or'),
        ({"in0": ["a", "b", "c"]}, 'must be .*enc0_tokenizer.* "words"'),
        ({"label": ["a", "b", "c"]}, 'column "label" is .*, must be a number'),
        ({"label": [True, False, True]}, '"label" is bool, must be a number'),
    ],
)
def test_columns_of_other_types_are_named(change, message):
    rows = {"in0": [1, 2, 3], "in1": [1, 2, 3], "label": [1, 0, 1]} | change
    with pytest.raises(DataError, match=f"^pandas DataFrame: .*{message}"):
        load_pairs(pd.DataFrame(rows), IDS)


@pytest.mark.parametrize("form", FORMS)
def test_missing_columns_are_named(form):
    columns = COLUMNS._replace(in0="film")
    config = IDS.replace(enc0_max_seq_len=4)
    with pytest.raises(DataError) as error:
        read_source(FORMS[form](ROWS), config, columns=columns)
    assert re.search('no column "film"|Missing: film', str(error.value))
    assert "user, plot, liked, importance" in str(error.value)


def test_an_empty_frame_is_an_error():
    frame = pl.DataFrame(schema={"in0": int, "in1": int, "label": float})
    with pytest.raises(DataError, match="at least one row"):
        load_pairs(frame, IDS)


@pytest.mark.parametrize(
    "source", [pl.LazyFrame(ROWS), pd.Series([1, 2]), 5], ids=type
)
def test_other_things_are_refused(source):
    message = f"a data frame .*collect.*Received: {type(source).__name__}"
    with pytest.raises(ValueError, match=message):
        load_pairs(source, IDS)


def test_a_column_that_is_there_twice_is_named():
    frame = pd.DataFrame({"in0": [1], "in1": [2], "label": [0]})
    twice = pd.concat([frame, frame[["in1"]]], axis=1)
    with pytest.raises(DataError, match='DataFrame: several columns "in1"'):
        load_pairs(twice, IDS)


def test_a_frame_without_rows_has_none_to_use():
    frame = pd.DataFrame({"in0": [[1]], "in1": [[2]], "label": [0]})
    with pytest.raises(DataError, match="at least one row"):
        load_pairs(frame[:0], IDS)


def test_a_keras_users_first_try(tmp_path):
    frame = pd.DataFrame(
        {"in0": [1, 2, 3, 4], "in1": [[5], [6, 7], [8], [9]]}
        | {"label": [0, 1, 0, 1]}
    )
    model = Object2Vec(IDS)
    model.fit(load_dataset(frame, IDS), shuffle=False, verbose=0)
    expected = model.predict(load_dataset(frame, IDS, False), verbose=0)
    np.testing.assert_allclose(predict_scores(model, frame), expected, 1e-5)
    np.testing.assert_array_equal(
        embed(model, "in1", pl.DataFrame({"in1": [[5], [6, 7]]})),
        embed(model, "in1", {"in1": [[5], [6, 7]]}),
    )
    films = pd.DataFrame(ROWS)
    result = train(TEXTS, films, model_dir=tmp_path / "m", columns=COLUMNS)
    assert result.model.tokenizers.in1.kind == "words"
    scores = evaluate(result.model, films, columns=COLUMNS)
    assert scores["rows"] == 3
    assert rank(result.model, films[["user", "plot"]], columns=COLUMNS)
