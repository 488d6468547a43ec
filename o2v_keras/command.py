"""The command line `o2v`: commands in groups, their errors and exit status."""

import argparse
import io
import itertools
import os
import re
import sys
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from o2v_keras.progress import progress_on_stderr

# The groups of `o2v --help`, in this order.
DATA = "data"
TRAIN = "train"
EVALUATE = "evaluate"
EMBEDDINGS = "embeddings"
SERVE = "export and serve"

USER_ERROR = 2
_INTERRUPTED = 130
_USERS_ERRORS = (ValueError, OSError, MemoryError)
_NUMBER = re.compile(r"-(\d+|\d*\.\d+)")
_NAME_WIDTH = 20
# Python argument -> an option's `dest`, and what sets the argument where there
# is such an option.
_OTHER_NAMES = {
    "columns": ("in0_column", "--in0-column`, `--in1-column`, `--label-column"),
    "first_new_ids": ("first_new_in0", "--first-new-in0`, `--first-new-in1"),
    "identifier": ("like", "--like"),
}
# Names of arguments in many functions; which option sets them varies.
_PLACES = ("path", "folder", "directory")


class CommandError(Exception):
    """Ends a command with a message and an exit status.

    Args:
        message: One line for the user.
        status: Exit status of the process. Defaults to 2: a user's error.
    """

    def __init__(self, message: object, status: int = USER_ERROR):
        super().__init__(message)
        self.status = status


class _Command(NamedTuple):
    parser: argparse.ArgumentParser
    run: Callable[[argparse.Namespace], int | None]
    interrupted: str
    passes_on: bool
    arguments: Mapping[str, str]


class Commands:
    """The commands of `o2v`, each with a parser and an action.

    Args:
        note: Last sentence of the help and of the error for an unknown
            command. Defaults to nothing.

    Attributes:
        parsers: Name of a command -> its parser.
        groups: Group of the help -> name of a command -> its summary.

    Example:
    >>> commands = Commands()
    >>> parser = commands.add(
    ...     "hello", lambda options: print(options.name), "greet", DATA
    ... )
    >>> _ = parser.add_argument("--name")
    >>> commands.run(["hello", "--name", "Ada"])
    Ada
    0
    """

    def __init__(self, note: str = ""):
        self.parsers: dict[str, argparse.ArgumentParser] = {}
        self.groups: dict[str, dict[str, str]] = {
            group: {} for group in (DATA, TRAIN, EVALUATE, EMBEDDINGS, SERVE)
        }
        self._note = note
        self._parser = argparse.ArgumentParser(
            prog="o2v",
            usage="o2v COMMAND [OPTION ...]",
            description="Object2Vec: embeddings of pairs of objects.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subparsers = self._parser.add_subparsers(
            required=True,
            metavar="COMMAND",
            prog="o2v",
            # `_listing` has them by group.
            help=argparse.SUPPRESS,
        )
        self._subparsers = {"": subparsers}

    def add(
        self,
        name: str,
        run: Callable[[argparse.Namespace], int | None],
        summary: str,
        group: str,
        *,
        interrupted: str = "",
        passes_on: bool = False,
        arguments: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> argparse.ArgumentParser:
        """Adds a command and returns its parser, which takes the options.

        Args:
            name: What the user types, such as `"export"` or `"beam check"`.
            run: Called with the parsed options; returns the exit status, or
                `None` for 0. Raises `CommandError`, `ValueError`, `OSError`
                or `MemoryError` for errors that the user can fix.
            summary: Imperative phrase for the help.
            group: Group in the help: `DATA`, `TRAIN`, `EVALUATE`,
                `EMBEDDINGS` or `SERVE`.
            interrupted: How to resume the command; follows the message
                "interrupted". Defaults to nothing.
            passes_on: Whether unknown options are stored in
                `options.passed_on` instead of being errors. Defaults to
                `False`.
            arguments: Name of a Python argument -> option that sets it, if
                the two differ; error messages then name the option. Defaults
                to `None`: none differ.
            **settings: Further arguments of `argparse.ArgumentParser`.
        """
        parent, _, word = name.rpartition(" ")
        settings = {"description": summary, **settings}
        if parent not in self._subparsers:
            group_parser = self._subparsers[""].add_parser(
                parent, description=f"The commands of o2v {parent}."
            )
            self._subparsers[parent] = group_parser.add_subparsers(
                required=True, metavar="COMMAND"
            )
        parser = self._subparsers[parent].add_parser(
            word, help=summary, **settings
        )
        command = _Command(parser, run, interrupted, passes_on, arguments or {})
        parser.set_defaults(_command=command)
        self.parsers[name] = parser
        self.groups[group][name] = summary
        return parser

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parses a command line.

        Args:
            arguments: Its words, or `None`: the process's own.

        Raises:
            SystemExit: With status 2 and a message, if it is wrong; with 0
                after `--help`.
        """
        words = with_dashed_values(arguments)
        self._parser.epilog = self._listing()
        options, rest = self._parser.parse_known_args(words)
        command = options._command
        if rest and not command.passes_on:
            command.parser.error(f"unrecognized arguments: {' '.join(rest)}")
        options.passed_on = rest
        return options

    def run(self, arguments: Sequence[str] | None = None) -> int:
        """Runs one command.

        Args:
            arguments: Words of the command line. Defaults to `None`: the
                process's own.

        Returns:
            The exit status: 0, 2 for a user's error, 75 for a lost connection
            (the command may be repeated), 130 for an interrupt, or the status
            that the command returns. Error messages go to the standard error.

        Raises:
            SystemExit: If the command line is wrong, or after `--help`.
        """
        words = sys.argv[1:] if arguments is None else arguments
        name = self._absent_command(words)
        if name and self._note:
            print(f"o2v: no command {name}. {self._note}", file=sys.stderr)
            return USER_ERROR
        options = self.parse(words)
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A reader of a log file sees each line at once.
            sys.stdout.reconfigure(line_buffering=True)
        command = options._command
        with warnings.catch_warnings(), progress_on_stderr():
            warnings.showwarning = _once_each()
            warnings.simplefilter("default", UserWarning)
            try:
                return command.run(options) or 0
            except CommandError as error:
                message, status = error, error.status
            except ConnectionError as error:
                message, status = error, os.EX_TEMPFAIL
            except _USERS_ERRORS as error:
                message, status = error, USER_ERROR
            except KeyboardInterrupt:
                hint = command.interrupted and f"; {command.interrupted}"
                message, status = f"interrupted{hint}", _INTERRUPTED
            text = _name_options(str(message), options)
            print(f"{command.parser.prog}: {text}", file=sys.stderr)
            return status

    def _absent_command(self, words):
        names = list(itertools.takewhile(lambda w: w[:1] != "-", words))[:2]
        if names and names[0] not in self._subparsers:
            names = names[:1]
        name = " ".join(names)
        present = name in self.parsers or name in self._subparsers
        return None if present else name

    def _listing(self):
        lines = []
        for group, commands in self.groups.items():
            if commands:
                lines += ["", f"{group}:"]
            for name, summary in commands.items():
                lines.append(f"  {name:{_NAME_WIDTH}}{summary}")
        lines += ["", "`o2v COMMAND --help` lists a command's options."]
        return "\n".join([*lines[1:], *filter(None, [self._note])])


def run_alone(
    add_commands: Callable[[Commands], object],
    name: str,
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs one command for its `python -m` entry.

    Args:
        add_commands: Adds the command to a `Commands`.
        name: Name of the command, such as `"export"`.
        arguments: Words after the command's name. Defaults to `None`: the
            process's own.

    Returns:
        The exit status of `Commands.run`.
    """
    commands = Commands()
    add_commands(commands)
    words = sys.argv[1:] if arguments is None else arguments
    return commands.run([name, *words])


def with_dashed_values(arguments: Sequence[str] | None) -> list[str]:
    """Rewrites values that begin with a dash, which argparse takes for options.

    Options are `-h` or begin with two dashes. Any other word that begins with
    a dash is an existing path, or the value of the option before it.

    Args:
        arguments: Words of the command line, or `None`: the process's own.

    Example:
    >>> with_dashed_values(["--output", "-new.npy", "--top", "-1"])
    ['--output=-new.npy', '--top', '-1']
    """
    words = []
    for word in sys.argv[1:] if arguments is None else arguments:
        single = re.match("-[^-]", word) and word != "-h"
        if not single or _NUMBER.fullmatch(word):
            words.append(word)
        elif os.path.lexists(word):
            words.append(os.path.join(os.curdir, word))
        elif words and re.fullmatch("--[^=]+", words[-1]):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _name_options(text, options):
    """Replaces the names of Python arguments in a message by options.

    "`model_dir` must be a new folder" becomes "`--model-dir` must ...".
    `path`, `folder` and `directory` become the option whose value is in the
    message.
    """
    command = options._command
    flags = {
        action.dest: action.option_strings[-1]
        for action in command.parser._actions
        if action.option_strings
    }
    for name, (dest, option) in _OTHER_NAMES.items():
        if any(action.dest == dest for action in command.parser._actions):
            flags[name] = option
    flags.update(command.arguments)
    places = [
        (len(value), flags[name])
        for name, value in vars(options).items()
        if name in flags and isinstance(value, str) and value and value in text
    ]
    for name in _PLACES:
        if places:
            flags.setdefault(name, max(places)[1])
    rule, received, value = text.partition("Received: ")
    rule = re.sub(
        "`(" + "|".join(map(re.escape, flags)) + ")`",
        lambda match: f"`{flags[match[1]]}`",
        rule,
    )
    name, equals, rest = value.partition("=")
    if equals and name in flags:
        value = f"{flags[name]} {rest}"
    return rule + received + value


def _once_each():
    """Returns a `showwarning` that prints each text once."""
    shown = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = f"warning: {message}"
        if text not in shown:
            shown.add(text)
            print(text, file=sys.stderr)

    return show
