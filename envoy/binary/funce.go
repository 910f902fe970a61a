package binary

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	func_e "github.com/tetratelabs/func-e"
	"github.com/tetratelabs/func-e/api"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// fetchWithFuncE lets func-e download the release into dir. Its API has no
// download alone, so it runs the binary with --version: Envoy prints that and
// ends before it reads the other arguments func-e adds.
func (f *finder) fetchWithFuncE(ctx context.Context, dir string) (string, error) {
	f.shelf.Say("downloading Envoy %s with func-e …", envoy.Version)
	out := &tail{limit: 400}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}
	defer transport.CloseIdleConnections()
	options := []api.RunOption{
		api.ConfigHome(filepath.Join(dir, "config")),
		api.DataHome(filepath.Join(dir, "data")),
		api.StateHome(filepath.Join(dir, "state")),
		api.RuntimeDir(filepath.Join(dir, "run")),
		api.EnvoyVersion(envoy.Version),
		api.Out(out), api.EnvoyOut(out), api.EnvoyErr(out),
		api.HTTPTransport(transport),
	}
	if url := f.env(VersionsVariable); url != "" {
		options = append(options, api.EnvoyVersionsURL(url))
	}
	stop := f.reportEvery(downloadReport)
	err := func_e.Run(ctx, []string{"--version"}, options...)
	stop()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Join(dir, "data", "envoy-versions", envoy.Version, "bin", "envoy"), nil
}
