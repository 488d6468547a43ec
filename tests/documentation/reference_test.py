"""The reference pages say what the code says."""

import dataclasses

from docs.generate.docstring_markdown import as_markdown
from docs.generate.hyperparameters import entries
from docs.generate.pages import current_pages
from o2v_keras import Object2VecConfig
from tests.command_line.commands import all_commands
from tests.documentation.page import DOCS


def test_generated_pages_are_current():
    for path, text in current_pages().items():
        assert path.read_text() == text, f"{path}: run `make reference`"


def test_every_hyperparameter_is_described():
    described = entries()
    for field in dataclasses.fields(Object2VecConfig):
        if not field.name.startswith("enc1_"):
            entry = described[field.name]
            assert entry.rule and entry.default and entry.meaning, entry


def test_every_option_is_listed():
    text = (DOCS / "reference" / "command-line.md").read_text()
    sections = dict(
        part.split("\n", 1) for part in text.split("\n### o2v ")[1:]
    )
    for name, parser in all_commands().parsers.items():
        for action in parser._actions:
            for option in action.option_strings:
                if option not in ("-h", "--help"):
                    assert f"`{option}" in sections[name], f"{name} {option}"


def test_sections_beside_googles_become_markdown():
    docstring = (
        "Adds.\n\nOutput shape:\n    `(batch,)`\n\nExample:\n>>> 1 + 1\n2\n\n"
        "Reference:\n- A book.\n"
    )
    text = as_markdown(docstring)
    assert "**Output shape:**\n\n`(batch,)`\n" in text
    assert "```pycon\n>>> 1 + 1\n2\n```" in text
    assert "**Reference:**\n\n- A book." in text
