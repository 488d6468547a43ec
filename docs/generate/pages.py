"""The reference pages that are written from the code."""

import pathlib

from docs.generate.command_line import command_sections
from docs.generate.hyperparameters import hyperparameter_sections
from docs.generate.messages import data_errors

_REFERENCE = pathlib.Path(__file__).parents[1] / "reference"
_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_PLACE = "<!-- generated -->"
_PAGES = {
    "command-line.md": command_sections,
    "errors.md": data_errors,
    "hyperparameters.md": hyperparameter_sections,
}


def current_pages() -> dict[pathlib.Path, str]:
    """Returns the path and the text of each page, as the code has it now."""
    return {
        _REFERENCE / name: (_TEMPLATES / name)
        .read_text()
        .replace(_PLACE, write())
        for name, write in _PAGES.items()
    }


def write_pages() -> list[pathlib.Path]:
    """Writes the pages whose text has changed, and returns their paths."""
    changed = []
    for path, text in current_pages().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return changed
