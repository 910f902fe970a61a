package extproc

import (
	"strings"
	"testing"
)

func TestModelsAreListedInTheShapeOfTheVendorWhoseSDKAsks(t *testing.T) {
	t.Parallel()
	h := newPremises(t, "open: true"+shopModels).open(t)
	for _, tt := range []struct {
		header [2]string
		want   string
	}{
		{[2]string{"authorization", "Bearer any"}, `"object":"list"`},
		{[2]string{"anthropic-version", "2023-06-01"}, `"has_more":false`},
		{[2]string{"x-goog-api-key", "any"}, `"models":[{"name":"models/sim/`},
	} {
		if v := h.send("/v1/models", "", tt.header[:]...); v.status != 200 || !strings.Contains(v.body, tt.want) {
			t.Errorf("%s: %d %s", tt.header[0], v.status, v.body)
		}
	}
}
