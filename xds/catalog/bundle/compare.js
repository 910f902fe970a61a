// Reads [{provider, id}] and a day, writes what the package asks for each at
// that day: [{input_mtok: 3, output_mtok: {base, tiers: [{start, price}]}}] or null.
const { calcPrice } = require("@pydantic/genai-prices");
let text = "";
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => {
  const { day, rows } = JSON.parse(text);
  const timestamp = new Date(day + "T12:00:00Z");
  const price = ({ provider, id }) => {
    try {
      const found = calcPrice({ input_tokens: 1, output_tokens: 1 }, id, { providerId: provider, timestamp });
      return found && found.provider.id === provider ? found.model_price : null;
    } catch {
      return null;
    }
  };
  process.stdout.write(JSON.stringify(rows.map(price)));
});
