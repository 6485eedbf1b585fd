"""FastMCP's client at a gateway: python fast.py URL, with the key in
DRAWBRIDGE_KEY. It prints what it found as JSON."""

import asyncio
import json
import os
import sys

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport


async def main() -> None:
    transport = StreamableHttpTransport(sys.argv[1], headers={"x-drawbridge-key": os.environ["DRAWBRIDGE_KEY"]})

    async def answer(message, response_type, params, context):
        return {"name": "Ada " + message}

    async with Client(transport, elicitation_handler=answer) as client:
        tools = [tool.name for tool in await client.list_tools()]
        echo = await client.call_tool("fixture__echo", {"text": "hello"})
        asked = await client.call_tool("fixture__ask", {})
        resource = await client.read_resource("test://page")
        prompt = await client.get_prompt("fixture__greet", {"who": "Ada"})
        print(json.dumps({
            "tools": tools, "echo": echo.content[0].text, "asked": asked.content[0].text,
            "resource": resource[0].text, "prompt": prompt.messages[0].content.text,
        }))


asyncio.run(main())
