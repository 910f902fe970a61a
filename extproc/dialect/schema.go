package dialect

// SchemaTool is the tool through which structured output is asked of targets
// that have no words for it: its input is the answer, and EncodeRequest makes
// the model call it. Readers give its input back as text, and the finish as a
// natural one: the client never sees the tool.
const SchemaTool = "dragoman_json_answer"
