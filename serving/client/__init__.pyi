"""The public names of the package: each is imported when first used."""

from .async_grpc_client import AsyncGrpcClient as AsyncGrpcClient
from .grpc_client import GrpcClient as GrpcClient
from .rest_client import RestClient as RestClient
from .server_error import ServerError as ServerError
