// OpenAI's SDK: chat completions and embeddings.
// ask: {"url", "op": "ask" or "embed", "question"}; answer: an Outcome, for
// embeddings {"outcome", "vectors"}.
import { asked, begin, dataURL, failed, given, named } from "./outcome.mjs";

function turn({ text, media = [], results = [], said, replay }) {
  if (replay) return [replay];
  if (said) return [{ role: "assistant", content: said }];
  const out = results.map((r) => ({ role: "tool", tool_call_id: r.id, content: r.text }));
  if (media.length > 0) {
    const parts = media.map((m) => (m.name
      ? { type: "file", file: { filename: m.name, file_data: dataURL(m) } }
      : { type: "image_url", image_url: { url: dataURL(m) } }));
    out.push({ role: "user", content: [...parts, { type: "text", text: text ?? "" }] });
  } else if (text) {
    out.push({ role: "user", content: text });
  }
  return out;
}

function choice(question) {
  const name = named(question.choice);
  if (name) return { type: "function", function: { name } };
  return { any: "required", auto: "auto", none: "none" }[question.choice];
}

const params = (q) => given({
  model: q.model, messages: [...(q.system ? [{ role: "system", content: q.system }] : []), ...q.turns.flatMap(turn)],
  tools: q.tools?.map((t) => ({ type: "function", function: { name: t.name, description: t.description, parameters: t.schema } })),
  tool_choice: choice(q), parallel_tool_calls: q.serial ? false : undefined,
  response_format: q.schema ? { type: "json_schema", json_schema: { name: "answer", strict: true, schema: q.schema } } : undefined,
  reasoning_effort: q.effort || undefined, max_completion_tokens: q.max_tokens || undefined, temperature: q.temperature, stop: q.stop,
});

const counted = (u) => (u ? {
  input: u.prompt_tokens, output: u.completion_tokens, cached: u.prompt_tokens_details?.cached_tokens ?? 0,
  written: u.prompt_tokens_details?.cache_write_tokens ?? 0, reasoning: u.completion_tokens_details?.reasoning_tokens ?? 0,
} : {});

// finish reads a message that is over. Clients that know nothing of reasoning
// send back these members only.
function finish(outcome, fault, { message, finish_reason }, usage) {
  fault(message.role !== "assistant", "a message without role");
  outcome.text = message.content ?? "";
  outcome.reasoning = message.reasoning_content ?? "";
  outcome.calls = (message.tool_calls ?? []).map((call) => ({ id: call.id, name: call.function.name, args: call.function.arguments }));
  outcome.turn = message;
  outcome.bare = given({
    role: "assistant", content: message.content,
    tool_calls: message.tool_calls?.map(({ id, type, function: { name, arguments: args } }) => ({ id, type, function: { name, arguments: args } })),
  });
  outcome.finish = finish_reason ?? "";
  outcome.usage = counted(usage);
  return outcome;
}

// join adds a delta to a message: texts are joined, elements with an index by
// their index, other lists grow.
const whole = new Set(["role", "id", "type", "format"]);
function join(to, delta) {
  for (const [name, value] of Object.entries(delta)) {
    if (value === null) to[name] ??= null;
    else if (typeof value === "string") to[name] = whole.has(name) ? value : (to[name] ?? "") + value;
    else if (Array.isArray(value)) {
      to[name] ??= [];
      for (const next of value) {
        const at = to[name].find((one) => next.index !== undefined && one.index === next.index);
        if (at) join(at, next);
        else to[name].push(next);
      }
    } else if (typeof value === "object") join((to[name] ??= {}), value);
    else to[name] = value;
  }
}

async function streamed(client, question, outcome, fault) {
  const stream = await asked(outcome, client.chat.completions.create({ ...params(question), stream: true, stream_options: { include_usage: true } }));
  const message = {};
  let finished = 0, opened = false, reason, usage;
  for await (const chunk of stream) {
    const raw = JSON.stringify(chunk);
    usage = chunk.usage ?? usage;
    const [choice] = chunk.choices;
    if (!choice) continue;
    fault(chunk.object !== "chat.completion.chunk", `no chunk: ${raw}`);
    fault(!opened && choice.delta.role !== "assistant", `a first chunk without role: ${raw}`);
    fault(finished > 0 && (choice.delta.content || choice.delta.tool_calls?.length > 0), "content after the finish");
    opened = true;
    if (choice.finish_reason) {
      finished++;
      reason = choice.finish_reason;
    }
    join(message, choice.delta);
  }
  fault(finished !== 1, "a stream without its one finish reason");
  for (const call of message.tool_calls ?? []) delete call.index;
  return finish(outcome, fault, { message, finish_reason: reason }, usage);
}

const words = ({ type, code, error, message }) => ({ type: type ?? undefined, code: code ?? undefined, message: error?.message ?? message });

async function embed(client, { model, texts, dimensions, base64 }, outcome, fault) {
  const data = await asked(outcome, client.embeddings.create(given({
    model, input: texts.length === 1 ? texts[0] : texts, encoding_format: base64 ? "base64" : "float", dimensions: dimensions || undefined,
  })));
  outcome.usage = { input: data.usage.prompt_tokens };
  const vectors = data.data.map(({ embedding, index }, i) => {
    fault(index !== i, "vectors out of order");
    if (typeof embedding !== "string") return embedding;
    const bytes = Buffer.from(embedding, "base64");
    return Array.from({ length: bytes.length / 4 }, (_, k) => bytes.readFloatLE(4 * k));
  });
  return { outcome, vectors };
}

export async function answer(sdk, { url, op, question }) {
  const client = new sdk.default({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0, timeout: 60_000 });
  const { outcome, fault } = begin();
  try {
    if (op === "embed") return await embed(client, question, outcome, fault);
    if (question.stream) return await streamed(client, question, outcome, fault);
    const got = await asked(outcome, client.chat.completions.create(params(question)));
    fault(got.choices.length !== 1, "an answer without its one choice");
    return finish(outcome, fault, got.choices[0], got.usage);
  } catch (error) {
    failed(outcome, sdk, error, words);
    return op === "embed" ? { outcome, vectors: [] } : outcome;
  }
}
