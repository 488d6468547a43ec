import pytest

from o2v_keras.command import DATA
from o2v_keras.command import SERVE
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.command import run_alone


def make_commands(run=lambda options: None, note="", **settings):
    commands = Commands(note=note)
    parser = commands.add("serve", run, "serve a model", SERVE, **settings)
    parser.add_argument("--model-dir", metavar="DIR")
    parser.add_argument("--output", metavar="O")
    parser.add_argument("--like", metavar="ID")
    commands.add("beam check", run, "check data", DATA, passes_on=True)
    return commands


def failing(error):
    def run(options):
        raise error

    return run


def test_the_help_lists_commands_by_group(capsys):
    with pytest.raises(SystemExit) as exit_:
        make_commands(note="Install it.").run(["--help"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.endswith(
        "\n\ndata:\n  beam check          check data\n\n"
        "export and serve:\n  serve               serve a model\n\n"
        "`o2v COMMAND --help` lists a command's options.\nInstall it.\n"
    )


def test_an_absent_command_is_explained_where_packages_are_missing(capsys):
    assert make_commands(note="Install it.").run(["export"]) == 2
    assert capsys.readouterr().err == "o2v: no command export. Install it.\n"
    assert make_commands(note="Install it.").run(["beam", "embed", "x"]) == 2
    error = capsys.readouterr().err
    assert error == "o2v: no command beam embed. Install it.\n"
    with pytest.raises(SystemExit):
        make_commands().run(["export"])
    assert "invalid choice: 'export'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (CommandError("not accepted", 1), 1, "not accepted"),
        (CommandError("wrong"), 2, "wrong"),
        (ValueError("wrong"), 2, "wrong"),
        (OSError("no file"), 2, "no file"),
        (MemoryError("too large"), 2, "too large"),
        (ConnectionError("lost"), 75, "lost"),
        (KeyboardInterrupt(), 130, "interrupted; go on with --resume"),
    ],
)
def test_a_users_error_is_one_line_and_a_status(capsys, error, status, message):
    commands = make_commands(failing(error), interrupted="go on with --resume")
    assert commands.run(["serve"]) == status
    assert capsys.readouterr().err == f"o2v serve: {message}\n"


def test_an_error_of_ours_is_not_hidden():
    with pytest.raises(KeyError):
        make_commands(failing(KeyError("a"))).run(["serve"])


def test_a_command_may_have_a_status_of_its_own():
    assert make_commands(lambda options: 3).run(["serve"]) == 3


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "`model_dir` must be new. Received: model_dir=a",
            "`--model-dir` must be new. Received: --model-dir a",
        ),
        (
            "`path` must end in .npy. Received: b.csv",
            "`--output` must end in .npy. Received: b.csv",
        ),
        ("`folder` must be new: a", "`--model-dir` must be new: a"),
        ("`wait` must be 0", "`--server-wait` must be 0"),
        ("`dim` must be 1", "`dim` must be 1"),
        ("`identifier` is unknown", "`--like` is unknown"),
        ("`dim` must be 1. Received: `output`", None),
    ],
)
def test_an_error_names_options(capsys, message, shown):
    commands = make_commands(
        failing(ValueError(message)), arguments={"wait": "--server-wait"}
    )
    words = ["serve", "--model-dir", "a", "--output", "b.csv"]
    assert commands.run(words) == 2
    assert capsys.readouterr().err == f"o2v serve: {shown or message}\n"


def test_unknown_options_are_an_error_unless_they_are_passed_on(capsys):
    seen = []
    commands = make_commands(lambda options: seen.append(options.passed_on))
    assert commands.run(["beam", "check", "--runner", "Flink"]) == 0
    assert seen == [["--runner", "Flink"]]
    with pytest.raises(SystemExit):
        commands.run(["serve", "--runner", "Flink"])
    error = capsys.readouterr().err
    assert "usage: o2v serve" in error
    assert "unrecognized arguments: --runner Flink" in error


def test_a_module_runs_its_command_alone(capsys):
    def add(commands):
        parser = commands.add("hello", run, "greet", DATA)
        parser.add_argument("name")

    def run(options):
        print(options.name)

    assert run_alone(add, "hello", ["Ada"]) == 0
    assert capsys.readouterr().out == "Ada\n"
