// Package simulator is a scripted provider: it answers like the vendors' APIs
// and breaks, on request, in every way a provider can.
//
// Promises: the bytes of an answer depend on the request, the script, the
// provider's name and the clock in Config alone, so two runs agree and
// [Provider.Body] tells beforehand what a client must receive. What a script
// asks for happens on the wire: a reset is a TCP RST, a truncated answer is a
// complete HTTP message, a hang lasts until the client leaves. Streams and
// large answers are written as they are made; a 64 MB answer holds no 64 MB
// (the Responses API alone repeats, at a stream's end, all that was said).
//
// One provider speaks every dialect, each at its vendor's own paths under any
// prefix:
//
//	OpenAI             …/chat/completions, …/embeddings, …/models
//	OpenAI, Responses  …/responses, …/responses/input_tokens
//	Azure              …/openai/deployments/{d}/chat/completions and /embeddings
//	Anthropic          …/messages, …/messages/count_tokens, …/models
//	Vertex AI, Claude  …/publishers/anthropic/models/{m}:rawPredict and :streamRawPredict
//	Gemini, Vertex AI  …/models/{m}:generateContent and its siblings
//	Bedrock            …/model/{m}/converse and its siblings
//
// A request is checked against the rules that its vendor enforces and refused
// in the vendor's words: members the API does not know, calls without results,
// reasoning that is replayed and was not the provider's. Reasoning is vouched
// for with a key that all providers share, in a form for each vendor. OpenAI's
// chat alone is lenient, as the many who copy it are: what it does not know it
// passes over.
//
// What was understood is [Heard], in words that belong to no vendor: Script.Echo
// answers with it (see [Echo]), [Hear] tells it of a recorded request.
//
// Refuses: thinking. One choice per answer whatever n says; nothing is stored,
// so no response can be referred to; an unknown script field is an error, never
// ignored.
//
// Where a script comes from, later ones winning field by field: the request's
// top-level member "sim" (of it the "*" entry, then the entry with the
// provider's name), a marker in the text that the user says last, which
// survives translation into another dialect, the header X-Sim, and
// [Provider.SetFault] (or [Fleet.Control] over HTTP). Marker and header may hold
// a script by itself, for every provider.
//
//	{"model":"m","messages":[…],"sim":{"openai":{"reset":"mid","events":20}}}
//	Tell me of camels [[sim:{"openai":{"reset":"mid"}}]]
//	X-Sim: {"tools":2}
//
// The parts: script and sim (what to do and where that is said), plan (the pure
// answer to one request), compose (what every dialect has in common), perform
// (the only code that writes), a group of files for each dialect (the only code
// that knows its wire format), recorder and fleet.
//
// Concurrency: a Provider and a Fleet serve any number of goroutines. Handlers
// start no goroutines; a Fleet owns one per listener and waits in Stop,
// Shutdown and Close for it, for the connections and for the handlers.
package simulator
