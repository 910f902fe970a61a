// OpenAI's SDK: the Responses API, stateless.
// ask: {"url", "question"}; answer: an Outcome.
import { asked, begin, dataURL, failed, given, named } from "./outcome.mjs";

function turn({ text, media = [], results = [], said, replay }) {
  if (replay) return replay;
  if (said) return [{ role: "assistant", content: said }];
  const out = results.map((r) => ({ type: "function_call_output", call_id: r.id, output: r.text }));
  if (text) {
    const parts = media.map((m) => (m.name
      ? { type: "input_file", filename: m.name, file_data: dataURL(m) }
      : { type: "input_image", image_url: dataURL(m), detail: "auto" }));
    out.push({ role: "user", content: [...parts, { type: "input_text", text }] });
  }
  return out;
}

function choice(question) {
  const name = named(question.choice);
  if (name) return { type: "function", name };
  return { any: "required", auto: "auto", none: "none" }[question.choice];
}

const params = (q) => given({
  model: q.model, store: false, instructions: q.system || undefined, input: q.turns.flatMap(turn),
  tools: q.tools?.map((t) => ({ type: "function", name: t.name, description: t.description, parameters: t.schema, strict: null })),
  tool_choice: choice(q), parallel_tool_calls: q.serial ? false : undefined,
  text: q.schema ? { format: { type: "json_schema", name: "answer", strict: true, schema: q.schema } } : undefined,
  reasoning: q.effort ? { effort: q.effort, summary: "auto" } : undefined,
  include: q.effort ? ["reasoning.encrypted_content"] : undefined,
  max_output_tokens: q.max_tokens || undefined, temperature: q.temperature,
});

// finish reads a response that is over.
function finish(outcome, fault, response) {
  const bare = [];
  outcome.text = outcome.reasoning = "";
  for (const item of response.output) {
    if (item.type === "reasoning") {
      outcome.reasoning += item.summary.map((part) => part.text).join("");
      continue;
    }
    if (item.type === "function_call") outcome.calls.push({ id: item.call_id, name: item.name, args: item.arguments });
    if (item.type === "message") {
      fault(item.role !== "assistant", "a message without role");
      outcome.text += item.content.map((part) => (part.type === "output_text" ? part.text : "")).join("");
    }
    fault(item.status !== "completed" && response.status === "completed", `an item is not completed: ${JSON.stringify(item)}`);
    bare.push(item);
  }
  outcome.turn = response.output.map(({ parsed_arguments, ...item }) => item); // which the SDK adds
  outcome.bare = bare.map(({ parsed_arguments, ...item }) => item);
  switch (response.status) {
    case "failed":
      outcome.problem = { code: response.error?.code, message: response.error?.message ?? "" };
      break;
    case "incomplete":
      outcome.finish = { max_output_tokens: "length" }[response.incomplete_details?.reason] ?? response.incomplete_details?.reason ?? "";
      break;
    case "completed":
      outcome.finish = outcome.calls.length > 0 ? "tool_calls" : "stop";
      break;
    default:
      throw new Error(`a response is over and has the status ${response.status}`);
  }
  const u = response.usage;
  outcome.usage = u ? {
    input: u.input_tokens, output: u.output_tokens, cached: u.input_tokens_details?.cached_tokens ?? 0,
    written: u.input_tokens_details?.cache_write_tokens ?? 0, reasoning: u.output_tokens_details?.reasoning_tokens ?? 0,
  } : {};
  return outcome;
}

// follow notes what the events of a stream say of each item.
function follow(items, event, fault) {
  const raw = JSON.stringify(event);
  if (event.type === "response.output_item.added") {
    fault(items.has(event.item.id), `an item is opened twice: ${raw}`);
    items.set(event.item.id, { text: "", args: "", summary: "", open: true });
    return;
  }
  const item = items.get(event.item_id ?? event.item?.id);
  if (event.type === "response.output_item.done") {
    fault(!item?.open, `an item is closed that is not open: ${raw}`);
    if (item) item.open = false;
    return;
  }
  if (!event.item_id) return;
  if (!item?.open) {
    fault(true, `an event of an item that is not open: ${raw}`);
    return;
  }
  switch (event.type) {
    case "response.output_text.delta":
      item.text += event.delta;
      break;
    case "response.output_text.done":
      fault(item.text !== event.text, "a done text differs from its deltas");
      break;
    case "response.function_call_arguments.delta":
      item.args += event.delta;
      break;
    case "response.function_call_arguments.done":
      fault(item.args !== "" && item.args !== event.arguments, "done arguments differ from their deltas");
      item.args = event.arguments;
      break;
    case "response.reasoning_summary_text.delta":
      item.summary += event.delta;
  }
}

async function streamed(client, question, outcome, fault) {
  const stream = await asked(outcome, client.responses.create({ ...params(question), stream: true }));
  const items = new Map();
  let n = 0, last;
  for await (const event of stream) {
    fault(event.sequence_number !== n, `event ${n} has the number ${event.sequence_number}`);
    fault(last !== undefined, `an event after the last: ${event.type}`);
    fault(n++ === 0 && event.type !== "response.created" && event.type !== "error", `a stream begins with ${event.type}`);
    if (event.type === "error") outcome.problem = { code: event.code ?? undefined, message: event.message };
    else if (["response.completed", "response.incomplete", "response.failed"].includes(event.type)) last = event.response;
    else follow(items, event, fault);
  }
  if (outcome.problem) return outcome;
  if (!last) {
    fault(true, "a stream without its last event");
    return outcome;
  }
  for (const item of last.output) {
    const was = items.get(item.id);
    fault(!was || was.open, `an item that was not opened, or not closed: ${JSON.stringify(item)}`);
    fault(was && was.args !== (item.arguments ?? ""), "arguments differ from what was streamed");
    fault(was && item.summary?.length > 0 && was.summary !== item.summary[0].text, "a summary differs");
  }
  fault(items.size !== last.output.length, `${items.size} items were opened, ${last.output.length} are in the response`);
  finish(outcome, fault, last);
  fault(outcome.text !== last.output.map((item) => items.get(item.id)?.text ?? "").join(""), "the text differs from what was streamed");
  return outcome;
}

const words = ({ type, code, error, message }) => ({ type: type ?? undefined, code: code ?? undefined, message: error?.message ?? message });

export async function answer(sdk, { url, question }) {
  const client = new sdk.default({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0, timeout: 60_000 });
  const { outcome, fault } = begin();
  try {
    if (question.stream) return await streamed(client, question, outcome, fault);
    return finish(outcome, fault, await asked(outcome, client.responses.create(params(question))));
  } catch (error) {
    return failed(outcome, sdk, error, words);
  }
}
