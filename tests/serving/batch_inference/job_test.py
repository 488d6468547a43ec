import pytest

from serving.batch_inference.job import Job

EMBED = "encoder_embeddings"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signature": "x"}, "`signature` must be one of serving_default, enc"),
        ({"signature": EMBED}, "`side` must be in0 or in1 with encoder_emb"),
        ({"side": "in0"}, "`side` must be in0 or in1 with encoder_embeddings"),
        ({"batch_size": 0}, "`batch_size` must be at least 1. Received: ba"),
        ({"window": 0}, "`window` must be at least 1. Received: window=0"),
        ({"output": "a.csv"}, "`output` must end with one of .npy, .parq"),
        ({"id_column": "user"}, "`id_column` must be left out for .npy"),
        (
            {"output": "o.jsonl", "id_column": "scores"},
            "`id_column` must have another name .* scores and error",
        ),
        ({"output": None}, "exactly one of `output` and `sagemaker_output`"),
        ({"sagemaker_output": "x"}, "exactly one of `output` and `sagemaker"),
        ({"output": "in.jsonl"}, "in.jsonl: two inputs or outputs of the job"),
        ({"bad_rows": "in.jsonl"}, "in.jsonl: two inputs or outputs of the "),
        ({"output": "none/a.npy"}, "none/a.npy: its folder does not exist"),
        ({"bad_rows": "none/b.jsonl"}, "none/b.jsonl: its folder does not ex"),
    ],
)
def test_wrong_options_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        Job(**{"inputs": ("in.jsonl",), "output": "out.npy", **options})


def test_sagemaker_outputs_of_one_name_are_refused(tmp_path):
    inputs = ("a/x.jsonl", "b/x.jsonl")
    with pytest.raises(ValueError, match="x.jsonl.out: two inputs or outputs"):
        Job(inputs=inputs, sagemaker_output=str(tmp_path))
