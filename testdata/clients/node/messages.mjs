// Anthropic's SDK: messages and their count.
// ask: {"url", "op": "ask" or "count", "question"}; answer: an Outcome.
import { asked, begin, failed, given, named } from "./outcome.mjs";

const finishes = {
  end_turn: "stop", stop_sequence: "stop", max_tokens: "length", model_context_window_exceeded: "length",
  tool_use: "tool_calls", refusal: "content_filter",
};
const fitting = {
  text: ["text_delta", "citations_delta"], thinking: ["thinking_delta", "signature_delta"], tool_use: ["input_json_delta"],
};
const budget = (effort) => (effort === "high" ? 16384 : 2048);

function turn({ text, media = [], results = [], said, replay }) {
  if (replay) return replay;
  if (said) return { role: "assistant", content: said };
  const content = [
    ...results.map((r) => ({ type: "tool_result", tool_use_id: r.id, content: r.text, is_error: r.error ?? false })),
    ...media.map((m) => {
      const source = { type: "base64", media_type: m.type, data: m.base64 };
      return m.name ? { type: "document", source, title: m.name } : { type: "image", source };
    }),
  ];
  if (text) content.push({ type: "text", text });
  return { role: "user", content };
}

function choice(question) {
  if (question.serial) return { type: "auto", disable_parallel_tool_use: true };
  const name = named(question.choice);
  if (name) return { type: "tool", name };
  return question.choice ? { type: question.choice } : undefined;
}

const params = (q) => given({
  model: q.model, max_tokens: q.max_tokens || 32000, messages: q.turns.map(turn),
  system: q.system ? [{ type: "text", text: q.system }] : undefined,
  tools: q.tools?.map((t) => ({ name: t.name, description: t.description, input_schema: t.schema })),
  tool_choice: choice(q), stop_sequences: q.stop, temperature: q.temperature,
  thinking: q.effort ? { type: "enabled", budget_tokens: budget(q.effort) } : undefined,
  output_config: q.schema ? { format: { type: "json_schema", schema: q.schema } } : undefined,
});

// counted adds what Anthropic counts beside the input.
const counted = (u) => ({
  input: u.input_tokens + (u.cache_read_input_tokens ?? 0) + (u.cache_creation_input_tokens ?? 0), output: u.output_tokens,
  cached: u.cache_read_input_tokens ?? 0, written: u.cache_creation_input_tokens ?? 0,
  reasoning: u.output_tokens_details?.thinking_tokens,
});

function finish(outcome, fault, message) {
  fault(message.role !== "assistant" || message.type !== "message", "a message without role or type");
  const bare = [];
  outcome.text = outcome.reasoning = "";
  for (const block of message.content) {
    if (block.type === "thinking") outcome.reasoning += block.thinking;
    if (block.type === "thinking" || block.type === "redacted_thinking") continue;
    if (block.type === "text") {
      fault(block.text === "", "an empty text block");
      outcome.text += block.text;
    }
    if (block.type === "tool_use") outcome.calls.push({ id: block.id, name: block.name, args: JSON.stringify(block.input) });
    bare.push(block);
  }
  outcome.turn = { role: "assistant", content: message.content };
  outcome.bare = { role: "assistant", content: bare };
  outcome.finish = finishes[message.stop_reason] ?? message.stop_reason ?? "";
  outcome.usage = counted(message.usage);
  return outcome;
}

// streamed lets the SDK gather a stream and watches the order of its events.
async function streamed(client, question, outcome, fault) {
  const stream = client.messages.stream(params(question));
  let open = "", blocks = 0, ended = false;
  stream.on("streamEvent", (event) => {
    const raw = JSON.stringify(event);
    fault(ended, "an event after message_stop");
    switch (event.type) {
      case "message_start":
        outcome.first = counted(event.message.usage);
        break;
      case "content_block_start":
        fault(open !== "" || event.index !== blocks, `a block that overlaps: ${raw}`);
        open = event.content_block.type;
        break;
      case "content_block_delta":
        fault(open === "" || event.index !== blocks, `a delta outside its block: ${raw}`);
        fault(!fitting[open]?.includes(event.delta.type), `a delta that does not fit ${open}: ${raw}`);
        break;
      case "content_block_stop":
        fault(open === "" || event.index !== blocks, `a stop outside its block: ${raw}`);
        open = "";
        blocks++;
        break;
      case "message_delta":
        fault(open !== "", "a message ends with an open block");
        break;
      case "message_stop":
        ended = true;
    }
  });
  const [message] = await Promise.all([stream.finalMessage(), asked(outcome, stream)]);
  fault(!ended, "a stream without message_stop");
  return message;
}

// words are an error's in Anthropic's envelope.
function words({ error, message, status }) {
  if (status !== undefined && (error?.type !== "error" || typeof error.error?.message !== "string")) {
    throw new Error(`an error without Anthropic's envelope: ${message}`);
  }
  return { type: error?.error?.type, message: error?.error?.message ?? message };
}

export async function answer(sdk, { url, op, question }) {
  const client = new sdk.default({ baseURL: url, apiKey: "any", maxRetries: 0, timeout: 60_000 });
  const { outcome, fault } = begin();
  try {
    if (op === "count") {
      const { model, messages, system, thinking, tools } = params(question);
      const data = await asked(outcome, client.messages.countTokens(given({ model, messages, system, thinking, tools })));
      outcome.usage = { input: data.input_tokens };
      return outcome;
    }
    const message = question.stream
      ? await streamed(client, question, outcome, fault)
      : await asked(outcome, client.messages.create(params(question)));
    return finish(outcome, fault, message);
  } catch (error) {
    return failed(outcome, sdk, error, words);
  }
}
