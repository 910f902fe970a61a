package envoy_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy"
)

func TestHeaderListsHoldWhatTheyName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		":status": true, "content-type": true, "x-ratelimit-remaining": false, "x-ratelimit": false, "set-cookie": false, "": false,
		"content-type2": false, "authorization": false,
	} {
		if got := envoy.AnswerHeaders.Has([]byte(name)); got != want {
			t.Errorf("%q reaches clients: %t", name, got)
		}
	}
	for _, name := range envoy.ProviderHeaders.Names {
		if name != ":*" && !envoy.ClientHeaders.Has([]byte(name)) {
			t.Errorf("%s may go to providers, but the edge does not let it in", name)
		}
	}
	for _, name := range []string{"authorization", "x-api-key", "api-key", "x-goog-api-key", envoy.ProviderHeader, "cookie", "x-forwarded-for"} {
		if envoy.ProviderHeaders.Has([]byte(name)) {
			t.Errorf("a client's %s would reach a provider", name)
		}
	}
}
