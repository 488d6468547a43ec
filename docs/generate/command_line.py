"""The page of the command line, from the parsers of `o2v`."""

import argparse

from o2v_keras.__main__ import make_commands


def command_sections() -> str:
    """Returns the sections of the commands, as Markdown."""
    commands = make_commands()
    lines = []
    for group, summaries in commands.groups.items():
        lines += [f"## {group[0].upper()}{group[1:]}", ""]
        for name, summary in summaries.items():
            lines += [f"### o2v {name}", "", f"{_sentence(summary)}", ""]
            lines += _options(commands.parsers[name])
    return "\n".join(lines).rstrip()


def _options(parser):
    lines = []
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if _is_shown(a)]
        if not actions:
            continue
        if group.title not in ("options", "positional arguments"):
            lines += [f"{_sentence(group.title)}", ""]
        lines += ["| Option | |", "| --- | --- |"]
        lines += [_row(parser, action) for action in actions]
        lines.append("")
    if parser.epilog:
        lines += [parser.epilog, ""]
    return lines


def _is_shown(action):
    hidden = action.help == argparse.SUPPRESS
    return not hidden and "--help" not in action.option_strings


def _row(parser, action):
    written = parser._get_formatter()._format_args(
        action, _metavar(parser, action)
    )
    name = " ".join(action.option_strings[-1:] or [action.dest])
    option = f"`{name} {written}`" if written else f"`{name}`"
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    if action.required and action.option_strings:
        text = f"**Required.** {text}" if text else "**Required.**"
    return f"| {_cell(option)} | {_cell(text)} |"


def _metavar(parser, action):
    formatter = parser._get_formatter()
    if action.option_strings:
        return formatter._get_default_metavar_for_optional(action)
    return formatter._get_default_metavar_for_positional(action)


def _cell(text):
    return " ".join(text.split()).replace("|", "&#124;")


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}".rstrip(":.") + "."
