import json

import pytest

from o2v_keras.training.distribute.cluster import Worker

TWO = {"worker": ["a:1", "b:1"]}
FIRST = {"type": "worker", "index": 0}


def from_config(cluster, task):
    text = json.dumps({"cluster": cluster, "task": task})
    return Worker.from_environment({"TF_CONFIG": text})


def test_workers_are_numbered_in_order():
    cluster = {"worker": ["a:1", "b:2"]}
    worker = from_config(cluster, {"type": "worker", "index": 1})
    assert worker == Worker(1, ("a:1", "b:2"))
    assert (worker.count, worker.is_chief) == (2, False)
    assert worker.name == "worker 1 (b:2)"
    assert from_config(cluster, {"type": "worker", "index": "0"}).is_chief


def test_a_chief_comes_before_the_workers():
    cluster = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    chief = from_config(cluster, {"type": "chief", "index": 0})
    last = from_config(cluster, {"type": "worker", "index": 1})
    assert chief.addresses == last.addresses == ("a:1", "b:2", "c:3")
    assert (chief.index, last.index) == (0, 2)


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"TF_CONFIG": ""}, id="empty"),
        pytest.param({"TF_CONFIG": "{}"}, id="no_cluster"),
        pytest.param(
            {
                "TF_CONFIG": '{"cluster": {"worker": ["a:1"]}, '
                '"task": {"type": "worker", "index": 0}}'
            },
            id="one_worker",
        ),
        pytest.param({"HOME": "/"}, id="absent"),
    ],
)
def test_alone_without_a_cluster(environment):
    worker = Worker.from_environment(environment)
    assert worker == Worker()
    assert (worker.count, worker.is_chief) == (1, True)


def test_an_empty_environment_is_not_the_processs(monkeypatch):
    config = {"cluster": TWO, "task": FIRST}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert Worker.from_environment({}) == Worker()
    assert Worker.from_environment().count == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "be JSON"),
        ("[1]", "be a JSON object"),
        ('{"task": 1, "task": 2}', '"task" is there 2 times'),
        ({"cluster": ["a:1"]}, "an object of jobs"),
        ({"cluster": TWO}, "have `task` with `type` and `index`"),
        ({"cluster": TWO, "task": {"index": 0}}, "`type` and `index`"),
        (
            {"cluster": TWO, "task": {"type": "chief", "index": 0}},
            "a job of its cluster, worker, in `task.type`",
        ),
        (
            {"cluster": TWO, "task": {"type": "worker", "index": 2}},
            "`task.index` from 0 to 1",
        ),
        (
            {"cluster": TWO, "task": {"type": "worker", "index": -1}},
            "`task.index` from 0 to 1",
        ),
        (
            {"cluster": TWO, "task": {"type": "worker", "index": None}},
            "`task.index` from 0 to 1",
        ),
        (
            {"cluster": {**TWO, "ps": ["c:1"]}, "task": FIRST},
            "not ps: .* no parameter servers",
        ),
        (
            {"cluster": {"worker": "a:1"}, "task": FIRST},
            'list of "host:port" strings as `cluster.worker`',
        ),
        (
            {"cluster": {"worker": ["a:1", "b"]}, "task": FIRST},
            'list of "host:port" strings',
        ),
        (
            {"cluster": {"worker": ["a:1", "a:1"]}, "task": FIRST},
            "every address in `cluster` once",
        ),
        (
            {"cluster": {"chief": ["a:1", "b:1"]}, "task": FIRST},
            "at most one chief",
        ),
    ],
)
def test_rejects_what_is_no_cluster(config, message):
    text = config if isinstance(config, str) else json.dumps(config)
    with pytest.raises(ValueError, match=f"`TF_CONFIG` must .*{message}"):
        Worker.from_environment({"TF_CONFIG": text})
