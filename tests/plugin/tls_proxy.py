"""A proxy that ends TLS before an api-server, as companies have one: it passes the path on as it is."""

from __future__ import annotations

import contextlib
import pathlib
import ssl
import threading
import time
from collections.abc import Iterator

import httpx
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["tls_proxy"]

_HOP_BY_HOP = {"connection", "content-encoding", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


@contextlib.contextmanager
def tls_proxy(port: int, upstream: str, folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Serve https://localhost:<port> until the end; gives the file of the authority that a client is to trust.

    Args:
        port: to listen on, on loopback.
        upstream: http://host:port of the api-server.
        folder: for the certificate.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")

    async def forward(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.raw if name != b"connection"]
        headers += [(b"x-forwarded-proto", b"https"), (b"x-forwarded-host", request.headers["host"].encode())]
        query = f"?{request.url.query}" if request.url.query else ""
        async with httpx.AsyncClient(base_url=upstream, timeout=60, trust_env=False) as client:
            path = request.scope["raw_path"].decode()
            answer = await client.request(
                request.method, f"{path}{query}", headers=headers, content=await request.body()
            )
        response = Response(answer.content, answer.status_code)
        response.raw_headers = [
            (name.lower(), value) for name, value in answer.headers.raw if name.decode().lower() not in _HOP_BY_HOP
        ]
        response.headers["content-length"] = str(len(answer.content))
        return response

    app = Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])])
    config = uvicorn.Config(app, port=port, log_level="critical", ssl_certfile=folder / "server.pem", lifespan="off")
    config.load()
    assert isinstance(config.ssl, ssl.SSLContext)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)  # between two looks; there is nothing to wait on
        yield folder / "ca.pem"
    finally:
        server.should_exit = True
        thread.join()
