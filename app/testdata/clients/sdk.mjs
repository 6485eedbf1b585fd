// The TypeScript SDK as a client of a gateway: node sdk.mjs URL, with the key in
// DRAWBRIDGE_KEY. It prints what it found as JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [url] = process.argv.slice(2);
const client = new Client({ name: "sdk", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async (r) => ({ action: "accept", content: { name: "Ada " + r.params.message } }));
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${process.env.DRAWBRIDGE_KEY}` } },
});
await client.connect(transport);
const tools = (await client.listTools()).tools.map((t) => t.name);
const progress = [];
const call = await client.callTool({ name: "fixture__echo", arguments: { text: "hello" } }, undefined, { onprogress: (p) => progress.push(p.progress) });
const asked = await client.callTool({ name: "fixture__ask", arguments: {} });
const resource = await client.readResource({ uri: "test://page" });
const prompt = await client.getPrompt({ name: "fixture__greet", arguments: { who: "Ada" } });
console.log(JSON.stringify({
  tools, progress, echo: call.content[0].text, asked: asked.content[0].text,
  resource: resource.contents[0].text, prompt: prompt.messages[0].content.text,
}));
await transport.terminateSession();
await client.close();
