import pytest

from o2v_keras.command_line.option_groups import refuse_input_as_output
from tests.command_line.commands import all_commands


@pytest.mark.parametrize(
    "words",
    [
        "predict --model m --data rows.jsonl --output rows.jsonl",
        "embed --model m --side in0 --data *.jsonl --output ./rows.jsonl",
        "embed --model m --side in0 --data . --output rows.jsonl",
        "predict --model m --data ../runs[lr=0.1]/r* --output rows.jsonl",
        "vocabulary --vocabulary rows.jsonl --output rows.jsonl",
    ],
)
def test_no_command_writes_over_what_it_reads(words, tmp_path, monkeypatch):
    folder = tmp_path / "runs[lr=0.1]"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "rows.jsonl").write_text("precious")
    options = all_commands().parse(words.split())
    with pytest.raises(ValueError, match="`--output` must be another file"):
        refuse_input_as_output(options)
    options.output = "other.jsonl"
    refuse_input_as_output(options)
