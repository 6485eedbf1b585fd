"""A FastMCP server as people write it: fastmcp_server.py stdio|token|oauth.

Over HTTP it takes a free port of this computer and prints its address. With
"token" it wants the bearer token of the variable EXPECTED_TOKEN; with "oauth"
it gives tokens itself, to whoever signs in, and they last for a few seconds.
"""

import os
import socket
import sys

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers import in_memory
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from fastmcp.server.dependencies import get_access_token


def tools(mcp: FastMCP) -> None:
    @mcp.tool(annotations={"readOnlyHint": True})
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    @mcp.tool
    def divide(a: float, b: float) -> float:
        """Divides the first number by the second."""
        return a / b

    @mcp.tool
    async def count(to: int, ctx: Context) -> str:
        """Counts, and tells how far it is."""
        for i in range(to):
            await ctx.report_progress(i + 1, to)
        return f"counted to {to}"

    @mcp.tool
    def whoami() -> str:
        """Says who calls."""
        token = get_access_token()
        return "nobody" if token is None else f"client {token.client_id} with {' '.join(token.scopes)}"

    @mcp.resource("note://{name}")
    def note(name: str) -> str:
        return f"a note about {name}"

    @mcp.prompt
    def review(text: str) -> str:
        return f"Review this: {text}"


def main() -> None:
    how = sys.argv[1]
    if how == "stdio":
        mcp = FastMCP("fast")
        tools(mcp)
        mcp.run(show_banner=True)
        return
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(100)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if how == "token":
        auth = StaticTokenVerifier({os.environ["EXPECTED_TOKEN"]: {"client_id": "bearer", "scopes": ["use"]}}, required_scopes=["use"])
    else:
        in_memory.DEFAULT_ACCESS_TOKEN_EXPIRY_SECONDS = 5
        auth = in_memory.InMemoryOAuthProvider(
            base_url=address,
            client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["use"], default_scopes=["use"]),
            revocation_options=RevocationOptions(enabled=True),
            required_scopes=["use"],
        )
    mcp = FastMCP("fast", auth=auth)
    tools(mcp)
    print(address + "/mcp", flush=True)
    config = uvicorn.Config(mcp.http_app(path="/mcp"), log_level="info", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


main()
