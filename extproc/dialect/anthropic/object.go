package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }

// Paths within names of extras: where the member lies in this dialect.
const (
	inThinking     = "thinking/"
	inOutputConfig = "output_config/"
	inMetadata     = "metadata/"
)

// places are where extras of this dialect lie.
var places = members.Places{Dialect: llm.Anthropic, Paths: []string{inThinking, inOutputConfig, inMetadata}}

// Names of extras that are whole values.
const (
	wholePart   = "part"   // a block of a message, or of an answer
	wholeTool   = "tool"   // an element of tools
	wholeChoice = "choice" // tool_choice
	wholeFormat = "format" // output_config.format
	citation    = "citation"
	// inTool is where members of a tool_use block lie.
	inTool = "tool_use/"
)

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	o.Extras(list, &places, path)
}
