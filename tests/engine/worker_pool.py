"""A pool of Python workers at one address, such as 127.0.0.2:50000.

Beam's own program listens at all addresses of a machine. On a cluster each
machine has one pool; here each address has one.
"""

import concurrent.futures
import sys


def main(address):
    # Where there is no Beam, the tests' doctests are collected all the same.
    import grpc
    from apache_beam.portability.api import beam_fn_api_pb2_grpc
    from apache_beam.runners.worker import worker_pool_main

    server = grpc.server(concurrent.futures.ThreadPoolExecutor())
    pool = worker_pool_main.BeamFnExternalWorkerPoolServicer(
        use_process=True, data_buffer_time_limit_ms=-1
    )
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(
        pool, server
    )
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
