// The loop of someone who uses Vercel's AI SDK and its MCP client.
// node vercel.mjs MODEL_URL TURNS CALLS COMMAND ARGUMENTS…
// It prints the milliseconds of each turn as a JSON array.
import { createMCPClient } from "@ai-sdk/mcp";
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { isStepCount, streamText } from "ai";

const [baseURL, turns, calls, command, ...args] = process.argv.slice(2);
const client = await createMCPClient({ transport: new StdioMCPTransport({ command, args }) });
const tools = await client.tools();
const model = createOpenAICompatible({ name: "standin", baseURL, apiKey: "none" })("m");

const took = [];
for (let i = 0; i < Number(turns); i++) {
  const began = performance.now();
  const result = streamText({ model, tools, prompt: "Do the steps.", stopWhen: isStepCount(Number(calls) + 5) });
  for await (const _ of result.textStream);
  const steps = await result.steps;
  const called = steps.reduce((n, s) => n + s.toolResults.length, 0);
  if (called !== Number(calls)) throw new Error(`the loop made ${called} calls of ${calls}`);
  took.push(performance.now() - began);
}
console.log(JSON.stringify(took));
await client.close();
process.exit(0);
