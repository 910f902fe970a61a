// OpenAI's SDK at all its surfaces; "surface" of an ask says which.
import { answer as chat } from "./chat.mjs";
import { answer as responses } from "./responses.mjs";

const surfaces = { chat, responses };

export const answer = (sdk, ask) => surfaces[ask.surface](sdk, ask);
