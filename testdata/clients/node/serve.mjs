// Serves questions with one package: JSON lines {"id", "ask"} come on standard
// input, {"id", "answer"} or {"id", "error"} go to standard output as they
// become ready. It ends with its input.
// Arguments: the package to use, the program's address and how many questions
// may be under way at once. A program exports answer(package, ask).
import { createInterface } from "node:readline";

const [name, address, most] = process.argv.slice(-3);
const [sdk, { answer }] = await Promise.all([import(name), import(address)]);

async function serve(line) {
  const { id, ask } = JSON.parse(line);
  let said;
  try {
    said = { id, answer: await answer(sdk, ask) };
  } catch (error) {
    said = { id, error: `${error?.stack ?? error}` };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

const open = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  while (open.size >= Number(most)) await Promise.race(open);
  const one = serve(line).finally(() => open.delete(one));
  open.add(one);
}
await Promise.all(open);
