package anthropic

// ToolID is what becomes of a tool's id in a request.
var ToolID = toolID

// Generation is what a model's id tells of its age.
var Generation = generation
