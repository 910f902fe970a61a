package dialect

import (
	"strings"
	"testing"
)

func TestAUserThatOpenAIRefusesBecomesOneThatItTakes(t *testing.T) {
	short, long := strings.Repeat("u", 64), strings.Repeat("u", 65)
	if got := OpenAIUser(short); got != short {
		t.Errorf("a user of 64 bytes became %q", got)
	}
	got := OpenAIUser(long)
	if len(got) != 64 || got != OpenAIUser(long) || got == OpenAIUser(long+"v") {
		t.Errorf("a user of 65 bytes became %q", got)
	}
}
