// An agent as Codex is one: streams of the Responses API that stores nothing,
// functions beside a tool of free text and tools the vendor runs, and every item
// that came goes back, reasoning encrypted.
//
// ask: {"url", "name", "models", "rounds", "ids"}: what it is about, the models in
// turn, a line for the simulated provider for each round with tools, and whether
// items go back with their ids.
// answer: {"rounds": [{"status", "thoughts", "text", "calls", "images", "header"}],
// "faults"}; "error" where the loop could not go on.

const grammar = `start: begin_patch hunk+ end_patch
begin_patch: "*** Begin Patch" LF
end_patch: "*** End Patch" LF?
hunk: "*** Add File: " /(.+)/ LF ("+" /(.*)/ LF)+
%import common.LF
`;
const text = (description) => ({ type: "string", description });
const object = (properties, required = Object.keys(properties)) => ({ type: "object", properties, required, additionalProperties: false });
const tools = [
  { type: "function", name: "shell_command", description: "Run a command.", strict: false,
    parameters: object({ command: text("to run"), workdir: text("where"), timeout_ms: { type: "number" } }, ["command"]) },
  { type: "custom", name: "apply_patch", description: "Edit files. This takes free text: no JSON around the patch.",
    format: { type: "grammar", syntax: "lark", definition: grammar } },
  { type: "function", name: "update_plan", description: "Keep the plan.", strict: true,
    parameters: object({ explanation: text("why"), plan: { type: "array", items: object({ step: text("what"), status: text("how far") }) } }) },
  { type: "function", name: "view_image", description: "Show an image.", strict: false, parameters: object({ path: text("of the image") }) },
  { type: "local_shell" },
  { type: "web_search", external_web_access: true },
];
const instructions = "You are an agent in a terminal.\n\n# Tools\nUse apply_patch to edit.\n";
const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

const own = (headers) => Object.fromEntries([...headers].filter(([name]) => name.startsWith("x-dragoman-")));

const request = (model, input) => ({
  model, input, instructions, tools, tool_choice: "auto", parallel_tool_calls: true, stream: true, store: false,
  reasoning: { effort: "high", summary: "auto" }, include: ["reasoning.encrypted_content"],
  prompt_cache_key: "0b2e4f7a-3c1d-4e5f-8a9b-0c1d2e3f4a5b", text: { verbosity: "medium" },
  client_metadata: { "x-codex-installation-id": "5d1c" },
});

// gather reads a stream and notes where its events are not as the vendor's.
async function gather(stream, faults) {
  const open = new Map();
  const done = [];
  let n = 0, last;
  for await (const event of stream) {
    const wrong = (what) => faults.push(`${what}: ${JSON.stringify(event)}`);
    if (event.sequence_number !== n++) wrong("out of sequence");
    if (last) wrong("after the last event");
    switch (event.type) {
      case "response.output_item.added":
        if (event.output_index !== open.size) wrong("an item out of order");
        open.set(event.item.id, "");
        break;
      case "response.custom_tool_call_input.delta":
      case "response.function_call_arguments.delta":
        open.set(event.item_id, open.get(event.item_id) + event.delta);
        break;
      case "response.custom_tool_call_input.done":
        if (open.get(event.item_id) !== event.input) wrong("another input than its deltas");
        break;
      case "response.output_item.done":
        if (!open.has(event.item.id)) wrong("an item that was not opened");
        done.push(event.item);
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        last = event.response;
        break;
      case "error":
        throw new Error(event.message);
    }
  }
  if (!last) throw new Error("stream closed before response.completed");
  if (JSON.stringify(last.output.map((item) => item.id)) !== JSON.stringify(done.map((item) => item.id))) {
    faults.push("the response has other items than the stream");
  }
  return { done, last };
}

// results runs the tools: a text, parts with an image, nothing.
function results(calls, round, line) {
  return calls.map((call, i) => {
    const output = `output of ${round}.${i} ${i === 0 ? line : ""}`;
    const type = `${call.type}_output`;
    if (i % 3 !== 1 || call.type !== "function_call") return { type, call_id: call.call_id, output };
    return { type, call_id: call.call_id, output: [
      { type: "input_text", text: output },
      { type: "input_image", image_url: `data:image/png;base64,${image}` },
    ] };
  });
}

// stripped is an item as Codex sends it back: most of its ids are left out.
const stripped = ({ id, status, ...item }) => item;

const texts = (list) => (list ?? []).map((part) => part.text).join("");

async function loop(client, ask, seen) {
  const { models, rounds } = ask;
  let input = [
    { type: "message", role: "developer", content: [{ type: "input_text", text: "<permissions instructions>\nAsk first.\n</permissions instructions>" }] },
    { type: "message", role: "user", content: [{ type: "input_text", text: "<environment_context>\n<cwd>here</cwd>\n</environment_context>" }] },
    { type: "message", role: "user", content: [{ type: "input_text", text: `Find the bug of ${ask.name}. ${rounds[0]}` }] },
  ];
  const most = rounds.length + 2;
  for (let round = 0; round < most; round++) {
    const { data, response } = await client.responses.create(request(models[round % models.length], input)).withResponse();
    const { done, last } = await gather(data, seen.faults);
    const calls = done.filter((item) => item.type.endsWith("_call"));
    const back = results(calls, round, rounds[round + 1] ?? "");
    seen.rounds.push({
      stop: last.status, model: last.model, header: own(response.headers), 
      images: back.filter((result) => typeof result.output !== "string").length,
      text: done.filter((item) => item.type === "message").map((item) => texts(item.content)).join("\n"),
      thoughts: done.filter((item) => item.type === "reasoning").map((item) => ({ text: texts(item.summary), signed: !!item.encrypted_content })),
      calls: calls.map((call) => ({ id: call.call_id, name: call.name, kind: call.type, input: call.input ?? call.arguments })),
    });
    if (last.error) throw new Error(last.error.message);
    input = [...input, ...(ask.ids ? done : done.map(stripped)), ...back];
    if (calls.length === 0) return;
  }
  throw new Error(`the loop does not end after ${most} rounds`);
}

export async function answer({ default: OpenAI }, ask) {
  const client = new OpenAI({ baseURL: `${ask.url}/v1`, apiKey: "any", maxRetries: 0, timeout: 60_000 });
  const seen = { rounds: [], faults: [] };
  try {
    await loop(client, ask, seen);
  } catch (error) {
    seen.error = `${error.name}: ${error.message}`;
  }
  return seen;
}
