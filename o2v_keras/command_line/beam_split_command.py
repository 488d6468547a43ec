"""The command `o2v beam split`."""

from o2v_keras.command import DATA
from o2v_keras.command import Commands
from o2v_keras.data.beam.commands import add_beam_command
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import columns_of

_SHARE = "a share below 1, or a number; default: 0.1"


def add_beam_split_command(commands: Commands) -> None:
    """Adds `o2v beam split`."""
    parser = add_beam_command(
        commands,
        "split",
        _split,
        "divide pairs into training and test, as `o2v pairs split` does",
        DATA,
        arguments={
            "group": "--group-column",
            "time": "--time-column",
            "kind": "--split",
        },
    )
    parser.add_argument("--input", nargs="+", required=True, metavar="F")
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder for train-00000-of-00012.jsonl and so on",
    )
    parser.add_argument(
        "--split",
        dest="kind",
        choices=("random", "group", "within", "time", "within-time"),
        default="random",
        help="hold out any pairs, groups, some rows of each group, the last "
        "of all, or the last of each group; default: random",
    )
    parser.add_argument(
        "--group-column",
        dest="group",
        metavar="C",
        help="of group and within, such as the users",
    )
    parser.add_argument(
        "--time-column",
        dest="time",
        metavar="C",
        help="numbers, or dates and times",
    )
    for part in ("validation", "test"):
        parser.add_argument(
            f"--{part}", type=float, default=0.1, metavar="X", help=_SHARE
        )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="default: 0"
    )
    add_column_options(parser)


def _split(options, beam_options):
    from o2v_keras.data.read.paths import expand_paths
    from o2v_keras.pairs.beam.split import write_split

    report = write_split(
        expand_paths(options.input),
        options.output,
        beam_options,
        options.kind,
        group=options.group,
        time=options.time,
        validation=options.validation,
        test=options.test,
        columns=columns_of(options),
        seed=options.seed,
    )
    print(report)
    print(options.output)
