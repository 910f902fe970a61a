// What the programs of the matrix have in common. The words are those of
// Question and Outcome in envoy/envoytest/matrix.

// overheard are the gateway's own headers of an answer. Errors of older SDKs
// have them in a plain object.
export const overheard = (headers = {}) =>
  Object.fromEntries((headers[Symbol.iterator] ? [...headers] : Object.entries(headers)).filter(([name]) => name.startsWith("x-dragoman-") || name === "retry-after"));

// begin is an Outcome under way; fault notes what the vendor never sends.
export function begin() {
  const outcome = { header: {}, usage: {}, calls: [], faults: [] };
  const fault = (is, what) => {
    if (is) outcome.faults.push(what);
  };
  return { outcome, fault };
}

// asked runs a call of an SDK and gives its data; the headers go to the outcome.
export async function asked(outcome, promise) {
  const { data, response } = await promise.withResponse();
  outcome.header = overheard(response.headers);
  return data;
}

// failed turns an SDK's error into a Problem. Others are a program's own.
export function failed(outcome, { APIError }, error, words) {
  if (!(error instanceof APIError)) throw error;
  outcome.header = { ...outcome.header, ...overheard(error.headers) };
  outcome.problem = { status: error.status ?? 0, ...words(error) };
  return outcome;
}

export const dataURL = ({ type, base64 }) => `data:${type};base64,${base64}`;

// named is the tool that a choice demands, or nothing.
export const named = (choice) => (choice?.startsWith("tool:") ? choice.slice("tool:".length) : undefined);

// given leaves out what is not said.
export const given = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
