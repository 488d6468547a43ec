"""Reading and checking ids takes neither TensorFlow nor Keras."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = [{"in0": [1, 2], "in1": [3], "label": 1}]
PROGRAM = """
import sys
{}
print(*sys.modules, file=sys.stderr)
"""
IMPORTS = """
from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.load_dataset import load_pairs
config = Object2VecConfig(
    enc0_max_seq_len=2, enc0_vocab_size=9, mini_batch_size=1
)
"""
PROGRAMS = {
    "load_pairs": IMPORTS + "assert len(load_pairs(sys.argv[1:], config)) == 3",
    "stream": IMPORTS
    + "assert len([*PairStream(sys.argv[1:], config, 3).blocks(0)]) == 1",
    "o2v check": """
from o2v_keras.__main__ import main
assert main(["check", "--data", *sys.argv[1:]]) == 0
""",
    "client": "import serving.client; import o2v_keras.data.read.files",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_ids_need_no_tensorflow(tmp_path, name):
    paths = [tmp_path / f"a.{ending}" for ending in ("jsonl", "csv", "parquet")]
    paths[0].write_text(json.dumps(ROWS[0]))
    paths[1].write_text("in0,in1,label\n1 2,3,1\n")
    pq.write_table(pa.Table.from_pylist(ROWS), paths[2])
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(PROGRAMS[name]), *paths],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    modules = set(result.stderr.splitlines()[-1].split())
    assert "o2v_keras.data.read.files" in modules
    assert not modules & {"tensorflow", "keras"}
