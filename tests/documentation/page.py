"""The pages of the documentation, and somebody who does what they say."""

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import re
import shlex
import sys
import textwrap
import urllib.request

from o2v_keras import Object2VecConfig
from o2v_keras.__main__ import main
from serving.local_server.local_server import LocalServer
from tests.command_line.commands import all_commands

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (
    README,
    *sorted(p for p in DOCS.rglob("*.md") if "generate" not in p.parts),
)
# `python` and `bash` run. `py` and `sh` need what a test has not, such as a
# network, Docker or a cluster: only syntax and options are checked. `text` is
# output, and what is shown of a file.
LANGUAGES = {"python", "py", "bash", "sh", "json", "csv", "text"}
_FENCE = re.compile(
    r'^( *)```(\w*)(?: title="([^"]+)")?\n(.*?)^\1```$', re.DOTALL | re.M
)
_CONTINUES = re.compile(
    r"continues\s+in\s+the\s+folder\s+of\s+\[[^\]]*\]\(([^)]+)\)"
)
_SIZES = {"enc0_max_seq_len": 3, "enc0_vocab_size": 900}
_FIELDS = {field.name for field in dataclasses.fields(Object2VecConfig)}
_FILL_IN = re.compile(r"\.\.\.|\[|--help")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language, file name, text and first line."""

    language: str
    title: str | None
    text: str
    line: int


def blocks(page):
    """The fenced blocks of a page, in its order."""
    text = page.read_text()
    return [
        Block(
            match[2],
            match[3],
            textwrap.dedent(match[4]),
            text[: match.start()].count("\n") + 2,
        )
        for match in _FENCE.finditer(text)
    ]


def commands(block):
    """The commands of a block of shell lines, as lists of words."""
    found, open_lines = [], ""
    for line in block.text.replace("\\\n", " ").splitlines():
        open_lines += f"\n{line}" if open_lines else line
        # A text in quotes may have several lines.
        with contextlib.suppress(ValueError):
            found.append(shlex.split(open_lines, comments=True))
            open_lines = ""
    assert not open_lines, f"a quote is left open: {open_lines}"
    return [command for command in found if command]


def continues(page):
    """The page whose folder the reader of this one has before him, if any."""
    match = _CONTINUES.search(page.read_text())
    return match and (page.parent / match[1]).resolve()


def runs(page):
    """Whether the page has anything to run."""
    return any(block.language in ("python", "bash") for block in blocks(page))


def running_pages(*sections):
    """The pages of some folders, or of the root, that have anything to run."""
    return [
        page
        for page in PAGES
        if short_name(page).split("/")[0] in sections and runs(page)
    ]


def short_name(page):
    """The page's path below `docs`, or its name at the root."""
    below = page.is_relative_to(DOCS)
    return page.relative_to(DOCS).as_posix() if below else page.name


class Reader(contextlib.ExitStack):
    """Does in a folder what a page says, from top to bottom.

    A server that the page starts takes free ports instead of those it names;
    addresses in later blocks follow.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.names = {}
        self._addresses = {}

    def follow(self, page):
        """Runs all blocks of a page in the folder."""
        for block in blocks(page):
            if block.title:
                (self.folder / block.title).write_text(block.text)
                importlib.invalidate_caches()
            elif block.language == "python":
                self._run_python(block, page)
            elif block.language == "bash":
                for command in commands(block):
                    place = f"{page.name}:{block.line}: {command}"
                    assert not self._run(command), place
        self._forget_modules()

    def _run_python(self, block, page):
        # Lines of tracebacks are the page's.
        text = "\n" * (block.line - 1) + self._moved(block.text)
        exec(compile(text, str(page), "exec"), self.names)

    def _run(self, command):
        if command[0] == "curl":
            return self._curl(command[1:])
        assert command[0] == "o2v", "say `sh` where the test cannot run it"
        if command[1] == "serve":
            return self._serve(command[1:])
        return main([self._moved(word) for word in command[1:]])

    def _serve(self, words):
        options = all_commands().parse(words)
        server = LocalServer(options.model_name, options.model_base_path)
        self.enter_context(server)
        ports = {
            options.port or 8500: server.port,
            options.rest_api_port or 8501: server.rest_api_port,
        }
        for named, taken in ports.items():
            self._addresses[f"localhost:{named}"] = f"localhost:{taken}"

    def _curl(self, words):
        parser = argparse.ArgumentParser()
        parser.add_argument("url")
        parser.add_argument("-d")
        parser.add_argument("-H")
        options = parser.parse_args(words)
        headers = {}
        if options.H:
            name, _, value = options.H.partition(": ")
            headers[name] = value
        data = options.d.encode() if options.d else None
        url = "http://" + self._moved(options.url)
        request = urllib.request.Request(url, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.answer = answer.read().decode()

    def _moved(self, text):
        for named, taken in self._addresses.items():
            text = text.replace(named, taken)
        return text

    def _forget_modules(self):
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(f"{self.folder}{os.sep}"):
                del sys.modules[name]


def check_command(command):
    """Raises `SystemExit` if an `o2v` command has an unknown option."""
    if command[:1] == ["o2v"] and not _FILL_IN.search(" ".join(command)):
        all_commands().parse(command[1:])


def check_json(block):
    """Checks a JSON block; hyperparameters must be accepted."""
    values = json.loads(block.text)
    if isinstance(values, dict) and values.keys() <= _FIELDS:
        Object2VecConfig.from_hyperparameters(_SIZES | values)
