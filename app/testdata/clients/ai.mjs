// Vercel's AI SDK as a client of a gateway: node ai.mjs URL, with the key in
// DRAWBRIDGE_KEY. It prints what it found as JSON.
import { createMCPClient } from "@ai-sdk/mcp";

const [url] = process.argv.slice(2);
const client = await createMCPClient({
  transport: { type: "http", url, headers: { "x-litellm-api-key": `Bearer ${process.env.DRAWBRIDGE_KEY}` } },
});
const tools = await client.tools();
const result = await tools.fixture__echo.execute({ text: "hello" }, { toolCallId: "1", messages: [] });
console.log(JSON.stringify({ tools: Object.keys(tools), echo: result.content[0].text }));
await client.close();
