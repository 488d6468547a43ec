import pytest

from export import acceptance_process
from export.acceptance_process import AcceptanceError
from export.acceptance_process import accept


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Stands in for acceptance.py, without its seconds of start-up."""
    script = tmp_path / "script.py"
    monkeypatch.setattr(acceptance_process, "_SCRIPT", script)
    return script


def test_script_gets_folder_and_cases_and_no_gpu(tmp_path, script):
    script.write_text(
        "import json, os, sys\n"
        "_, folder, cases = sys.argv\n"
        "assert os.path.isdir(folder)\n"
        "assert json.load(open(cases)) == [{'signature': 's'}]\n"
        "assert os.environ['CUDA_VISIBLE_DEVICES'] == '-1'\n"
        "assert os.path.dirname(__file__) not in sys.path\n"
    )
    accept(tmp_path, [{"signature": "s"}])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "import sys; print('why'); sys.exit(1)", "why", id="refusal"
        ),
        pytest.param(
            "raise OSError('crashed')", "OSError: crashed", id="crash"
        ),
    ],
)
def test_error_shows_what_the_process_said(tmp_path, script, source, message):
    script.write_text(source)
    with pytest.raises(AcceptanceError, match=f"(?s)not published.*{message}"):
        accept(tmp_path, [])
