package matrix

// lacking are the features that a provider's API has no words for, and the
// place where its vendor documents what it has.
var lacking = []struct {
	family  Family
	target  string // "" = all of the family
	feature string
	reason  string
}{
	{Gemini, "", "parallel_tools", "FunctionCallingConfig has mode and allowedFunctionNames only"},
	{Bedrock, "", "parallel_tools", "ToolConfiguration has tools and toolChoice only"},
	{Bedrock, "", "tool_choice none", "ToolChoice is auto, any or tool"},
	{Bedrock, "nova", "closed tools", "Amazon Nova, tool definitions: at the top level type, properties and required are all there is"},
	{Bedrock, "", "schema", "Converse takes a schema of some models only, and of none beside their reasoning"},
	{Anthropic, "vertex-claude", "schema", "Anthropic, structured outputs: not on Vertex AI"},
	{Gemini, "vertex", "schema beside tools", "Gemini API, structured outputs: with functions from Gemini 3 on"},
	{Responded, "", "stop", "the Responses API has no stop sequences"},
}

// lacks is the reason why a target cannot express a feature, "" if it can.
func lacks(t *Target, feature string) string {
	for _, l := range lacking {
		if l.family == t.Family && (l.target == "" || l.target == t.Name) && l.feature == feature {
			return l.reason
		}
	}
	return ""
}
