package envoy

// DrainPaths are what is posted to Envoy's admin page to drain it, in this
// order: it answers health checks with 503, asks its clients to leave, closes its
// listeners. A word at the end of each query changes nothing of what they do;
// where the bootstrap lets exactly these paths through, it keeps others out.
func DrainPaths(word string) [3]string {
	if word == "" {
		return [3]string{"/healthcheck/fail", "/drain_listeners?graceful&skip_exit", "/drain_listeners"}
	}
	return [3]string{"/healthcheck/fail?" + word, "/drain_listeners?graceful&skip_exit&" + word, "/drain_listeners?" + word}
}
