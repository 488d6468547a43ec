import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.pairs import read_pairs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line(token):
    return f'{{"in0": [{token}], "in1": [{token}, 5], "label": {token}}}\n'


def test_several_files_of_several_formats_become_one_table(folder):
    (folder / "b.jsonl").write_text(line(1) + "oops\n" + line(2))
    (folder / "a.ndjson").write_text(line(3) + "{}\n")
    columns = {"in0": [[4], None], "in1": [[4, 5], [1]], "label": [4, 9]}
    pyarrow.parquet.write_table(pa.table(columns), folder / "c.parquet")
    compressed = pa.compress(line(6).encode(), "zstd", asbytes=True)
    (folder / "d.json.zst").write_bytes(compressed)

    result = read_pairs(["b.*", "a.ndjson", "c.parquet", "d.json.zst"])

    table, rejected = result.table, result.rejected
    assert table.labels.tolist() == [1, 2, 3, 4, 6]
    assert [row.tolist() for row in table.in1] == [
        [token, 5] for token in (1, 2, 3, 4, 6)
    ]
    assert [table.locate(row) for row in range(5)] == [
        "b.jsonl:1",
        "b.jsonl:3",
        "a.ndjson:1",
        "c.parquet: row 0",
        "d.json.zst:1",
    ]
    places = [rejected.origin.locate(row) for row in range(len(rejected))]
    assert places == ["b.jsonl:2", "a.ndjson:2", "c.parquet: row 1"]
    assert rejected.records[0] == "oops"


def test_one_side_without_labels(folder):
    (folder / "a.jsonl").write_text('{"in1": [1, 2]}\n{"in0": [3]}\n')
    result = read_pairs("a.jsonl", sides=["in1"], label=False)
    assert result.table.in0 is None
    assert result.table.labels is None
    assert result.table.in1.values.tolist() == [1, 2]
    assert len(result.rejected) == 1


def test_file_of_rejected_lines_only_is_no_error_yet(folder):
    (folder / "a.jsonl").write_text("oops\n")
    result = read_pairs("a.jsonl")
    assert (len(result.table), len(result.rejected)) == (0, 1)
    assert len(result.table.in0) == len(result.table.labels) == 0


@pytest.mark.parametrize("text", ["", " \n\n\r\n"], ids=["empty", "blank"])
def test_file_without_records_is_an_error(folder, text):
    (folder / "good.jsonl").write_text(line(1))
    (folder / "empty.jsonl").write_text(text)
    with pytest.raises(DataError, match="empty.jsonl: holds no record"):
        read_pairs(["good.jsonl", "empty.jsonl"])


def test_parquet_without_rows_is_an_error(folder):
    lists = pa.array([], pa.list_(pa.int64()))
    columns = {"in0": lists, "in1": lists, "label": pa.array([], pa.int64())}
    pyarrow.parquet.write_table(pa.table(columns), folder / "none.parquet")
    with pytest.raises(DataError, match="none.parquet: holds no record"):
        read_pairs("none.parquet")


def test_unknown_ending_is_an_error(folder):
    (folder / "a.txt").write_text("1,2")
    with pytest.raises(DataError, match="a.txt: .* ending. Known are .parquet"):
        read_pairs("a.txt")
