"""A publisher's server on this machine."""

import contextlib
import http.server
import threading


@contextlib.contextmanager
def publisher(files, breaks_off_after=None):
    """Serves files from memory.

    Args:
        files: Path such as `/a.zip` -> bytes.
        breaks_off_after: Bytes after which the first answer ends.

    Yields:
        The server's address, and the list of requested paths.
    """
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path)
            asked.append(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            end = breaks_off_after if len(asked) == 1 else None
            self.wfile.write(content[:end])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
