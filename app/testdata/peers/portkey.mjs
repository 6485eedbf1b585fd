// The loop of someone who uses Portkey's SDK and the MCP SDK for TypeScript.
// node portkey.mjs MODEL_URL TURNS CALLS COMMAND ARGUMENTS…
// It prints the milliseconds of each turn as a JSON array.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { Portkey } from "portkey-ai";

const [baseURL, turns, calls, command, ...args] = process.argv.slice(2);
const client = new Client({ name: "peer", version: "1" });
await client.connect(new StdioClientTransport({ command, args }));
const { tools } = await client.listTools();
const functions = tools.map((t) => ({
  type: "function",
  function: { name: t.name, description: t.description, parameters: t.inputSchema },
}));
const model = new Portkey({ apiKey: "none", baseURL });

async function turn() {
  const messages = [{ role: "user", content: "Do the steps." }];
  for (let called = 0; ; called++) {
    const stream = await model.chat.completions.create({ model: "m", messages, tools: functions, stream: true });
    let content = "";
    const wanted = [];
    for await (const chunk of stream) {
      const delta = chunk.choices?.[0]?.delta;
      content += delta?.content ?? "";
      for (const c of delta?.tool_calls ?? []) {
        wanted[c.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
        wanted[c.index].id ||= c.id ?? "";
        wanted[c.index].function.name += c.function?.name ?? "";
        wanted[c.index].function.arguments += c.function?.arguments ?? "";
      }
    }
    if (wanted.length === 0) {
      if (called !== Number(calls)) throw new Error(`the loop made ${called} calls of ${calls}`);
      return;
    }
    messages.push({ role: "assistant", content: content || null, tool_calls: wanted });
    for (const c of wanted) {
      const result = await client.callTool({ name: c.function.name, arguments: JSON.parse(c.function.arguments) });
      messages.push({ role: "tool", tool_call_id: c.id, content: result.content[0].text });
    }
  }
}

const took = [];
for (let i = 0; i < Number(turns); i++) {
  const began = performance.now();
  await turn();
  took.push(performance.now() - began);
}
console.log(JSON.stringify(took));
await client.close();
process.exit(0);
