"""Makes Markdown of the sections that are not Google's."""

import re

# Lines of `>>>` and what they print, up to an empty line, under `Example:`.
_EXAMPLE = re.compile(r"^Examples?:\n((?:[ \t]*\S.*\n?)+)", re.M)
_PARTS = ("Call arguments", "Input shape", "Output shape", "Reference")
_PART = re.compile(
    rf"^({'|'.join(_PARTS)}):\n((?:[ \t]*\S.*\n?|\n(?= ))+)", re.M
)
_ARGUMENT = re.compile(r"^(\w+): ", re.M)
_NO_INDENT = re.compile(r"^ {4}", re.M)


def as_markdown(text: str) -> str:
    """Returns a docstring whose own sections are Markdown."""
    text = _EXAMPLE.sub(r"**Example:**\n\n```pycon\n\1\n```\n", f"{text}\n")
    text = re.sub(r"\n\n```\n", "\n```\n", text)
    return _PART.sub(_plain_part, text)


def _plain_part(match):
    text = _NO_INDENT.sub("", match[2])
    if match[1] == "Call arguments":
        text = _ARGUMENT.sub(r"- `\1`: ", text)
    return f"**{match[1]}:**\n\n{text}\n"
