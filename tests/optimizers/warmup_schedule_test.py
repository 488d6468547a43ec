import keras
import numpy as np
import pytest

from o2v_keras.optimizers import WarmupSchedule


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        pytest.param(("constant", 4), [0.25, 0.5, 0.75, 1, 1, 1], id="warmup"),
        pytest.param(
            ("cosine", 0, 4),
            [1, 0.8535534, 0.5, 0.1464466, 0, 0],
            id="cosine",
        ),
        pytest.param(
            ("cosine", 2, 4),
            [0.5, 0.8535534, 0.5, 0.1464466, 0, 0],
            id="both",
        ),
    ],
)
def test_rates(schedule, rates):
    schedule = WarmupSchedule(1.0, *schedule)
    actual = [float(schedule(step)) for step in range(6)]
    np.testing.assert_allclose(actual, rates, atol=1e-6)


def test_is_serializable():
    schedule = WarmupSchedule(0.5, "cosine", 3, 40)
    revived = keras.optimizers.schedules.deserialize(
        keras.optimizers.schedules.serialize(schedule)
    )
    assert type(revived) is WarmupSchedule
    assert revived.get_config() == schedule.get_config()


def test_bad_use():
    with pytest.raises(ValueError, match='`kind` must be "constant" or'):
        WarmupSchedule(0.1, "linear")
    with pytest.raises(ValueError, match="`total_steps` must be set before"):
        WarmupSchedule(0.1, "cosine")(0)
