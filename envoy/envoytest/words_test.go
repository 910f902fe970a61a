package envoytest

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/resource/guard"
)

// Nothing of ours sees an express answer, so its guard has to know the same
// words by which attempt stages make the next attempt.
func TestTheExpressGuardKnowsTheWordsOfEveryVendor(t *testing.T) {
	t.Parallel()
	for kind, said := range map[llm.Kind]string{
		llm.ContextLength: "context", llm.Unsupported: "unsupported", llm.QuotaExceeded: "payment", llm.Unauthenticated: "auth",
	} {
		words := dialect.FaultWords(kind)
		if len(words) == 0 {
			t.Errorf("no words for %s", kind)
		}
		for _, word := range words {
			if !strings.Contains(guard.Answer(), `{ "`+word+`", "`+said+`" }`) {
				t.Errorf("the guard does not take %q for %s", word, said)
			}
		}
	}
}
