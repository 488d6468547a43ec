"""The command `o2v beam split`."""

from o2v_keras.command import DATA
from o2v_keras.command import Commands
from o2v_keras.command_line.pairs_commands import OPTIONS
from o2v_keras.command_line.pairs_commands import add_split_options
from o2v_keras.data.beam.commands import add_beam_command
from o2v_keras.data.job_options import columns_of

_OPTIONS = ("kind", "group", "time", "validation", "test", "seed")


def add_beam_split_command(commands: Commands) -> None:
    """Adds `o2v beam split`."""
    parser = add_beam_command(
        commands,
        "split",
        _split,
        "divide pairs into training and test, as `o2v pairs split` does",
        DATA,
        arguments=OPTIONS,
    )
    parser.add_argument("--input", nargs="+", required=True, metavar="F")
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder for train-00000-of-00012.jsonl and so on",
    )
    add_split_options(parser)


def _split(options, beam_options):
    from o2v_keras.data.read.paths import expand_paths
    from o2v_keras.pairs.beam.split import write_split

    given = vars(options)
    report = write_split(
        expand_paths(options.input),
        options.output,
        beam_options,
        columns=columns_of(options),
        **{n: given[n] for n in _OPTIONS if n in given},
    )
    print(report)
    print(options.output)
