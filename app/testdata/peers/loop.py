"""The loop of someone who uses Portkey's SDK and the MCP SDK for Python.

python loop.py MODEL_URL TURNS CALLS COMMAND ARGUMENTS…
It prints the milliseconds of each turn as a JSON array.
"""

import asyncio
import json
import sys
import time

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from portkey_ai import AsyncPortkey


async def turn(model, session, functions, calls):
    messages = [{"role": "user", "content": "Do the steps."}]
    called = 0
    while True:
        stream = await model.chat.completions.create(model="m", messages=messages, tools=functions, stream=True)
        content, wanted = "", {}
        async for chunk in stream:
            if not chunk.choices:
                continue
            delta = chunk.choices[0].delta
            content += delta.content or ""
            for c in delta.tool_calls or []:
                w = wanted.setdefault(c.index, {"id": "", "name": "", "arguments": ""})
                w["id"] = w["id"] or c.id or ""
                w["name"] += c.function.name or ""
                w["arguments"] += c.function.arguments or ""
        if not wanted:
            if called != calls:
                raise RuntimeError(f"the loop made {called} calls of {calls}")
            return
        messages.append({
            "role": "assistant",
            "content": content or None,
            "tool_calls": [
                {"id": w["id"], "type": "function", "function": {"name": w["name"], "arguments": w["arguments"]}}
                for w in wanted.values()
            ],
        })
        for w in wanted.values():
            result = await session.call_tool(w["name"], json.loads(w["arguments"]))
            messages.append({"role": "tool", "tool_call_id": w["id"], "content": result.content[0].text})
            called += 1


async def main():
    base_url, turns, calls, command, *args = sys.argv[1:]
    async with stdio_client(StdioServerParameters(command=command, args=args)) as (read, write):
        async with ClientSession(read, write) as session:
            await session.initialize()
            listed = await session.list_tools()
            functions = [
                {
                    "type": "function",
                    "function": {"name": t.name, "description": t.description or "", "parameters": t.input_schema},
                }
                for t in listed.tools
            ]
            model = AsyncPortkey(api_key="none", base_url=base_url)
            took = []
            for _ in range(int(turns)):
                began = time.perf_counter()
                await turn(model, session, functions, int(calls))
                took.append((time.perf_counter() - began) * 1000)
            print(json.dumps(took))


asyncio.run(main())
