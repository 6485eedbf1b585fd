// Uses the endpoint with OpenAI's own SDK, as any program would, and prints what
// it got as one JSON object.
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.KEY, maxRetries: 0 });
const model = 'work/m-1';
const mine = { type: 'mcp', server_label: 'mine', server_url: 'drawbridge', require_approval: 'never', allowed_tools: ['read'] };
const weather = { type: 'function', name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } }, strict: false };
const out = {};

out.models = (await client.models.list()).data.map((m) => m.id);

const plain = await client.responses.create({ model, input: 'go', tools: [mine] });
out.plain = { text: plain.output_text, items: plain.output.map((i) => i.type), status: plain.status };

const stream = client.responses.stream({ model, input: 'go', tools: [mine] });
const seen = [];
stream.on('event', (e) => { if (seen.at(-1) !== e.type) seen.push(e.type); });
const whole = await stream.finalResponse();
out.stream = { text: whole.output_text, items: whole.output.map((i) => i.type), seen };

const both = await client.responses.create({ model, input: 'go', tools: [mine, weather] });
const call = both.output.find((i) => i.type === 'function_call');
const after = await client.responses.create({
  model, tools: [mine, weather],
  input: [{ role: 'user', content: 'go' }, ...both.output, { type: 'function_call_output', call_id: call.call_id, output: 'rain' }],
});
out.functions = { name: call.name, arguments: call.arguments, text: after.output_text };

const asking = { ...mine, require_approval: 'always' };
const asked = await client.responses.create({ model, input: 'go', tools: [asking] });
const request = asked.output.find((i) => i.type === 'mcp_approval_request');
const answer = [{ type: 'mcp_approval_response', approval_request_id: request.id, approve: true }];
const approved = await client.responses.create({ model, tools: [asking], previous_response_id: asked.id, input: answer });
out.approval = { name: request.name, items: approved.output.map((i) => i.type), text: approved.output_text };
try {
  await client.responses.create({ model, tools: [asking], previous_response_id: asked.id, input: answer });
} catch (e) {
  out.approval.again = [e.constructor.name, e.status, e.message];
}

const completion = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'go' }], tools: [mine] });
out.completion = { text: completion.choices[0].message.content, finish: completion.choices[0].finish_reason, tokens: completion.usage.total_tokens };
const runner = client.chat.completions.stream({ model, messages: [{ role: 'user', content: 'go' }], tools: [{ type: 'function', function: { name: 'weather', parameters: weather.parameters } }] });
const streamed = await runner.finalChatCompletion();
out.completionStream = { finish: streamed.choices[0].finish_reason, calls: streamed.choices[0].message.tool_calls.map((c) => c.function.name + c.function.arguments) };

for (const [name, body] of Object.entries({ background: { background: true }, unknown: { previous_response_id: 'resp_none' } })) {
  try {
    await client.responses.create({ model, input: 'go', ...body });
  } catch (e) {
    out[name] = [e.constructor.name, e.status, e.param, e.message];
  }
}
console.log(JSON.stringify(out));
