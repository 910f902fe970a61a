// An agent as Claude Code is one: streams of the beta Messages API, twenty tools,
// thinking that goes back with every result, a count before it compacts.
//
// ask: {"url", "name", "models", "rounds", "thinking"}: what it is about, the models
// in turn, a line for the simulated provider for each round with tools, and the
// member thinking.
// answer: {"rounds": [{"stop", "thoughts", "text", "calls", "images", "header"}],
// "count", "compacted", "faults"}; "error" where the loop could not go on.
import { readFileSync } from "node:fs";

const tools = JSON.parse(readFileSync(new URL("tools.json", import.meta.url), "utf8"));
const betas = ["claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27"];
const marked = { type: "ephemeral" };
const system = [
  { type: "text", text: "You are an agent in a terminal.", cache_control: marked },
  { type: "text", text: "You help with software.\n\n# Environment\nPlatform: linux\n", cache_control: { type: "ephemeral", ttl: "1h" } },
];
const user = JSON.stringify({ device_id: "5d1c".repeat(16), account_uuid: "", session_id: "0b2e4f7a-3c1d-4e5f-8a9b-0c1d2e3f4a5b" });
// One pixel, red.
const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

const own = (headers) => Object.fromEntries([...headers].filter(([name]) => name.startsWith("x-dragoman-")));

// request is what goes out each time; the last block of the user's is marked.
function request(model, messages, thinking) {
  const last = messages.at(-1);
  const content = last.content.map((block, i) => (i === last.content.length - 1 ? { ...block, cache_control: marked } : block));
  return {
    model, system, tools, thinking, betas, max_tokens: 32000, metadata: { user_id: user },
    messages: [...messages.slice(0, -1), { ...last, content }],
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
  };
}

// watch notes where a stream's events are not in the order of the vendor's.
function watch(stream, faults) {
  let open = -1, next = 0, stopped = false, begun = 0;
  stream.on("streamEvent", (event) => {
    const wrong = (what) => faults.push(`${what}: ${JSON.stringify(event)}`);
    if (stopped) wrong("after message_stop");
    switch (event.type) {
      case "message_start":
        if (begun++) wrong("a second start");
        break;
      case "content_block_start":
        if (open >= 0 || event.index !== next) wrong("a block out of order");
        open = next++;
        break;
      case "content_block_delta":
        if (event.index !== open) wrong("a delta of no open block");
        break;
      case "content_block_stop":
        if (event.index !== open) wrong("a stop of no open block");
        open = -1;
        break;
      case "message_delta":
        if (open >= 0) wrong("the end with an open block");
        break;
      case "message_stop":
        stopped = true;
    }
  });
  stream.on("end", () => stopped || faults.push("no message_stop"));
}

async function streamed(client, params, faults) {
  const stream = client.beta.messages.stream(params);
  watch(stream, faults);
  const message = await stream.finalMessage();
  const { response } = await stream.withResponse();
  return { message, header: own(response.headers) };
}

async function whole(client, params) {
  const { data, response } = await client.beta.messages.create(params).withResponse();
  return { message: data, header: own(response.headers) };
}

// results runs the tools: texts, an image, nothing at all, a failure. The next
// round's line stands in the first.
function results(calls, round, line) {
  return calls.map((call, i) => {
    const result = { type: "tool_result", tool_use_id: call.id };
    const text = `output of ${round}.${i} ${i === 0 ? line : ""}`;
    switch (i % 4) {
      case 0: return { ...result, content: text };
      case 1: return { ...result, content: [{ type: "text", text }, { type: "image", source: { type: "base64", media_type: "image/png", data: image } }] };
      case 2: return { ...result, content: `<tool_use_error>${text}</tool_use_error>`, is_error: true };
      default: return { ...result, content: [{ type: "text", text: `${text}\n` }] };
    }
  });
}

async function loop(client, ask, seen) {
  const { models, rounds, thinking } = ask;
  const messages = [{ role: "user", content: [
    { type: "text", text: "<system-reminder>\nThe list of things to do is empty.\n</system-reminder>" },
    { type: "text", text: `Find the bug of ${ask.name}. ${rounds[0]}` },
  ] }];
  const most = rounds.length + 2;
  for (let round = 0; round < most; round++) {
    const params = request(models[round % models.length], messages, thinking);
    const { message, header } = await streamed(client, params, seen.faults);
    const of = (type) => message.content.filter((block) => block.type === type);
    const calls = of("tool_use");
    const back = results(calls, round, rounds[round + 1] ?? "");
    seen.rounds.push({
      stop: message.stop_reason, model: message.model, header,
      images: back.filter((result) => result.content.some?.((part) => part.type === "image")).length,
      text: of("text").map((block) => block.text).join("\n"),
      thoughts: message.content.filter((block) => block.type.endsWith("thinking")).map((block) => ({ text: block.thinking ?? "", signed: (block.signature ?? block.data ?? "") !== "" })),
      calls: calls.map(({ id, name, input }) => ({ id, name, input })),
    });
    messages.push({ role: "assistant", content: message.content });
    if (message.stop_reason !== "tool_use") return messages;
    const reminder = { type: "text", text: "<system-reminder>\nDo not forget the tests.\n</system-reminder>" };
    messages.push({ role: "user", content: round === 0 ? [...back, reminder] : back });
  }
  throw new Error(`the loop does not end after ${most} rounds`);
}

export async function answer({ default: Anthropic }, ask) {
  const client = new Anthropic({ baseURL: ask.url, authToken: "any", apiKey: null, maxRetries: 0, timeout: 60_000 });
  const seen = { rounds: [], faults: [] };
  try {
    const messages = await loop(client, ask, seen);
    const summarize = [...messages, { role: "user", content: [{ type: "text", text: "Summarize the conversation so far." }] }];
    const model = ask.models[0];
    const { max_tokens, metadata, ...counted } = request(model, summarize, ask.thinking);
    const { data, response } = await client.beta.messages.countTokens(counted).withResponse();
    seen.count = { tokens: data.input_tokens, header: own(response.headers) };
    const { message, header } = await whole(client, { ...request(model, summarize, ask.thinking), system: "You summarize conversations.", stream: false });
    seen.compacted = { stop: message.stop_reason, text: message.content.filter((b) => b.type === "text").map((b) => b.text).join("\n"), header };
  } catch (error) {
    seen.error = `${error.name}: ${error.message}`;
  }
  return seen;
}
