"""Messages of TF Serving and gRPC that no package at hand carries.

`grpcio-health-checking` needs protobuf 7, and `tensorflow-serving-api` leaves
the monitoring configuration out. The pool is private, so that a process may
import those packages as well.
"""

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

_Field = descriptor_pb2.FieldDescriptorProto


def _message(name, *fields):
    return descriptor_pb2.DescriptorProto(
        name=name,
        field=[
            _Field(
                name=field,
                number=number,
                type=kind,
                type_name=type_name,
                label=_Field.LABEL_OPTIONAL,
            )
            for number, (field, kind, type_name) in enumerate(fields, start=1)
        ],
    )


def _classes(package, *messages):
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto",
        package=package,
        syntax="proto3",
        message_type=messages,
    )
    pool.Add(file)
    return [
        message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{package}.{message.name}")
        )
        for message in messages
    ]


# https://github.com/grpc/grpc/blob/master/src/proto/grpc/health/v1/health.proto
# The status is an enum there; on the wire that is the same.
HealthCheckRequest, HealthCheckResponse = _classes(
    "grpc.health.v1",
    _message("HealthCheckRequest", ("service", _Field.TYPE_STRING, None)),
    _message("HealthCheckResponse", ("status", _Field.TYPE_INT32, None)),
)

# tensorflow_serving/config/monitoring_config.proto
_, MonitoringConfig = _classes(
    "tensorflow.serving",
    _message(
        "PrometheusConfig",
        ("enable", _Field.TYPE_BOOL, None),
        ("path", _Field.TYPE_STRING, None),
    ),
    _message(
        "MonitoringConfig",
        (
            "prometheus_config",
            _Field.TYPE_MESSAGE,
            ".tensorflow.serving.PrometheusConfig",
        ),
    ),
)
