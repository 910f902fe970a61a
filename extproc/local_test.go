package extproc

import "testing"

func TestOpenModeAnswersThisMachineOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host, origin string
		want         bool
	}{
		{"127.0.0.1:10000", "", true},
		{"localhost:10000", "", true},
		{"LOCALHOST", "", true},
		{"[::1]:10000", "", true},
		{"127.8.9.1", "", true},
		{"evil.example", "", false},
		{"localhost.evil.example:10000", "", false},
		{"127.0.0.1.evil.example", "", false},
		{"10.0.0.1", "", false},
		{"", "", false},
		{"127.0.0.1", "http://localhost:3000", true},
		{"127.0.0.1", "https://app.example", true},
		{"127.0.0.1", "https://evil.example", false},
		{"127.0.0.1", "null", false},
		{"127.0.0.1", "http://localhost.evil.example", false},
	} {
		h := head{host: []byte(tt.host), origin: []byte(tt.origin)}
		if got := h.local([]string{"https://app.example"}) == nil; got != tt.want {
			t.Errorf("host %q, origin %q: let in %v, want %v", tt.host, tt.origin, got, tt.want)
		}
	}
}
