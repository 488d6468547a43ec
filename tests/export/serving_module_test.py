import keras
import pytest

from export.serving_module import ServingModule
from export.serving_module import cpu_path
from tests.export.exports import make_model


def _settings(model):
    networks = [
        encoder.layers[-1].network
        for encoder in (model.encoder0, model.encoder1)
    ]
    return [
        lstm.use_cudnn
        for encoder in networks
        for lstm in encoder.forward_lstms + encoder.backward_lstms
    ]


def test_cudnn_is_off_inside_and_as_before_outside():
    model = make_model({"enc0_network": "bilstm", "enc0_layers": 2})
    model.encoder1.get_layer("bilstm1").network.use_cudnn = True
    before = ["auto"] * 4 + [True] * 4
    assert _settings(model) == before
    with cpu_path(model):
        assert _settings(model) == [False] * 8
    assert _settings(model) == before


def test_setting_comes_back_after_an_error():
    gru = keras.layers.GRU(4, use_cudnn=True)
    with pytest.raises(ValueError, match="inside"):
        with cpu_path(keras.Sequential([gru])):
            assert gru.use_cudnn is False
            raise ValueError("inside")
    assert gru.use_cudnn is True


def test_module_is_traced_without_cudnn():
    # On a CPU, Keras refuses to trace what asks for cuDNN.
    model = make_model({"enc0_network": "bilstm"})
    for encoder in (model.encoder0, model.encoder1):
        encoder.layers[-1].network.use_cudnn = True
    ServingModule(model)
    assert _settings(model) == [True] * 4
