// Runs OpenAI's own client over the streams that standard input lists and
// prints what a program sees of each: {"text", "finish", "error"}.
// Arguments: the package to use.
// Input: {"url", "cases": [{"model", "text", "sim"}]}.
const { default: OpenAI } = await import(process.argv.at(-1));

let input = "";
for await (const piece of process.stdin) input += piece;
const { url, cases } = JSON.parse(input);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0, timeout: 60_000 });

async function ask({ model, text, sim }) {
  const seen = { text: "", finish: "", error: "" };
  try {
    const stream = await client.chat.completions.create({
      model, sim, stream: true, messages: [{ role: "user", content: text }],
    });
    for await (const chunk of stream) {
      seen.text += chunk.choices[0]?.delta?.content ?? "";
      seen.finish ||= chunk.choices[0]?.finish_reason ?? "";
    }
  } catch (error) {
    seen.error = `${error.name}: ${error.message}` || "error";
  }
  return seen;
}

console.log(JSON.stringify(await Promise.all(cases.map(ask))));
