import pathlib
import re

import pytest

from o2v_keras.command_line.option_groups import refuse_input_as_output
from tests.command_line.commands import all_commands

README = pathlib.Path(__file__).parents[2] / "README.md"
OPTION = r"--[a-z][a-z0-9-]*"


def documented():
    """Command -> the options in README's table, short names spelled out."""
    section = README.read_text().split("## Commands\n")[1].split("\n## ")[0]
    _, table, text = section.split("```", 2)
    groups = {
        name: re.findall(OPTION, text.split(f"`{name}` ")[1].split(". ")[0])
        for name in ("COLUMNS", "HYPERPARAMETERS", "LOG", "RANKING")
    }
    options = {}
    for entry in table.split("\no2v ")[1:]:
        name = re.match(r"((beam|pairs) )?\S+", entry)[0]
        found = options.setdefault(name, set())
        found.update(re.findall(OPTION, entry))
        for name, members in groups.items():
            if re.search(rf"\b{name}\b", entry):
                found.update(members)
    return options


# The flags of `serve` are TF Serving's.
@pytest.mark.parametrize(
    "command", [c for c in all_commands().parsers if c != "serve"]
)
def test_the_readme_names_every_option(command):
    known = {
        option
        for action in all_commands().parsers[command]._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    assert documented()[command] == known - {"--help", "--import"}


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
