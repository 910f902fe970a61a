package meter

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// other stands for every label value that is not known.
const other = "other"

// surfaceNames are what clients can ask for, by the names of the router
// stage's endpoints.
var surfaceNames = []string{
	"chat.completions", "responses", "messages", "messages.count_tokens", "generate_content", "count_tokens", "embeddings",
	"models", "model", "generation", "report", "credits", "later", "legacy", "state", "unknown", other,
}

// Lane is how much of a request passed through us.
type Lane uint8

// Lanes. NumLanes lets tests notice a forgotten one.
const (
	NoLane Lane = iota // no attempt was made
	Express
	Leave
	Translate
	NumLanes
)

var laneNames = [NumLanes]string{"none", "express", "leave", "translate"}

// String is the lane's label.
func (l Lane) String() string { return laneNames[l.index()] }

func (l Lane) index() Lane {
	if l >= NumLanes {
		return NoLane
	}
	return l
}

// outcome is how a request ended: a class of statuses, or, where we answered
// in a provider's stead, the kind of problem (llm.Kind).
type outcome uint8

const (
	aborted outcome = iota // the client left before an answer began
	success
	redirection
	clientError
	serverError
	broken // an answer that broke off after its first content
	unknownStatus
	numOutcomes
)

var outcomeNames = [numOutcomes]string{"aborted", "2xx", "3xx", "4xx", "5xx", "broken", other}

func outcomeOf(status int) outcome {
	switch {
	case status == 0:
		return aborted // Envoy's %RESPONSE_CODE% when none was sent
	case status >= 200 && status < 600:
		return success + outcome(status/100-2)
	default:
		return unknownStatus
	}
}

// Log is who wrote an access log entry.
type Log uint8

// Logs. NumLogs lets tests notice a forgotten one.
const (
	EdgeLog    Log = iota // the end, or the progress, of a request
	AttemptLog            // the end of an attempt
	NumLogs
)

var logNames = [NumLogs]string{"edge", "attempt"}

// tokenClass is a kind of tokens. The classes do not overlap: their sum is
// what was used.
type tokenClass uint8

const (
	input      tokenClass = iota // neither read from nor written to a cache
	cacheRead                    // of the input
	cacheWrite                   // of the input
	output                       // without reasoning
	reasoning                    // of the output
	numTokenClasses
)

var tokenClassNames = [numTokenClasses]string{"input", "cache_read", "cache_write", "output", "reasoning"}

// Usage is what an attempt used, in tokens: Input and Output are totals that
// include the details after them.
type Usage struct {
	Input, Output                    uint64
	CacheRead, CacheWrite, Reasoning uint64
}

// split gives the tokens by class. Reports that nobody can believe give none.
func (u Usage) split() (n [numTokenClasses]uint64) {
	if max(u.Input, u.Output, u.CacheRead, u.CacheWrite, u.Reasoning) > uint64(llm.MaxTokens) {
		return n
	}
	n[cacheRead], n[cacheWrite], n[reasoning] = u.CacheRead, u.CacheWrite, u.Reasoning
	n[input] = u.Input - min(u.Input, u.CacheRead+u.CacheWrite)
	n[output] = u.Output - min(u.Output, u.Reasoning)
	return n
}
