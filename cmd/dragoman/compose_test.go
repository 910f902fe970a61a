package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// composed is compose.yaml as Docker would understand it, all profiles on.
func composed(t *testing.T) *types.Project {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: root, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "compose.yaml")}}, Environment: types.Mapping{},
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeStartsServicesInAnOrderThatWorks(t *testing.T) {
	t.Parallel()
	project := composed(t)
	if got, want := project.ServiceNames(), strings.Fields("ask envoy extproc prometheus redis simulator xds"); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	for name, s := range project.Services {
		if s.HealthCheck == nil && name != "ask" {
			t.Errorf("%s: nobody sees whether it is well", name)
		}
		_, tag, _ := strings.Cut(s.Image, ":")
		if tag == "" || tag == "latest" {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is published to everybody", name, p.Published)
			}
		}
		for _, v := range s.Volumes {
			_, named := project.Volumes[v.Source]
			if _, err := os.Stat(v.Source); err != nil && !named {
				t.Errorf("%s: nothing to mount: %v", name, err)
			}
			if !named && !v.ReadOnly {
				t.Errorf("%s: may write to %s", name, v.Source)
			}
		}
		if s.Build != nil && !strings.Contains(s.Build.DockerfileInline, "go build") {
			t.Errorf("%s is not built from here", name)
		}
	}
	if got, want := project.Services["envoy"].Image, "envoyproxy/envoy:v"+envoy.Version; got != want {
		t.Errorf("Envoy is %s, want %s", got, want)
	}
	for name, needs := range map[string]string{"extproc": "xds", "envoy": "extproc xds", "ask": "envoy simulator", "simulator": "", "xds": ""} {
		var got []string
		for need, how := range project.Services[name].DependsOn {
			if how.Condition == types.ServiceConditionHealthy {
				got = append(got, need)
			}
		}
		if slices.Sort(got); !slices.Equal(got, strings.Fields(needs)) {
			t.Errorf("%s waits for %v, want %s", name, got, needs)
		}
	}
	for _, name := range []string{"simulator", "prometheus"} {
		if got := project.Services[name].NetworkMode; got != "service:envoy" {
			t.Errorf("%s: network %q", name, got)
		}
	}
}

func TestComposesBootstrapIsWhatTheCommandPrints(t *testing.T) {
	t.Parallel()
	out, errs, status := newPlace(t).do(t, "envoy", "bootstrap", "--extproc", "unix:/run/dragoman/extproc.sock",
		"--xds", "xds:18000", "--admin", "127.0.0.1:9901", "--node-id", "compose")
	if status != 0 {
		t.Fatal(errs)
	}
	golden(t, "testdata/compose/envoy.yaml", out)
}

// stage is compose.yaml played with processes of this machine: other ports,
// other directories, everything else as it stands there.
type stage struct {
	t       *testing.T
	project *types.Project
	place   at
	moved   *strings.Replacer
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, project: composed(t), place: newPlace(t)}
	config := filepath.Join(s.place.dir, "etc")
	replace := []string{"/run/dragoman/", shortDir(t) + "/", "/var/lib/dragoman", filepath.Join(s.place.dir, "state"), "/etc/dragoman/", config + "/", "0.0.0.0", "127.0.0.1"}
	for _, service := range []string{"envoy", "extproc", "xds"} {
		replace = append(replace, service+":", "127.0.0.1:", "address: "+service+"\n", "address: 127.0.0.1\n")
	}
	fixed := strings.Fields("18000 10000 9901 9911 9912 9100 9101 9102 9103")
	for i, free := range ports(t, len(fixed)) {
		replace = append(replace, fixed[i], fmt.Sprint(free))
	}
	s.moved = strings.NewReplacer(replace...)
	for _, name := range []string{"dragoman.yaml", "envoy.yaml", "prometheus.yml"} {
		text, err := os.ReadFile(filepath.Join(repository, "testdata", "compose", name))
		if err != nil {
			t.Fatal(err)
		}
		s.place.file(t, filepath.Join("etc", name), s.moved.Replace(string(text)))
	}
	return s
}

// start runs a service's command and waits until its health check is content.
func (s *stage) start(name string) {
	s.t.Helper()
	service := s.project.Services[name]
	args := make([]string, len(service.Command))
	for i, arg := range service.Command {
		args[i] = s.moved.Replace(arg)
	}
	place := s.place
	place.env = slices.Clone(place.env)
	for key, value := range service.Environment {
		place.env = append(place.env, key+"="+s.moved.Replace(*value))
	}
	if args[0] == "envoy" {
		place.launch(s.t, envoytest.Binary(s.t), append(args[1:], "--concurrency", "1")...)
	} else {
		place.start(s.t, args...)
	}
	envoytest.Eventually(s.t, patience, name+" is healthy", func() error { return s.healthy(service.HealthCheck.Test) })
}

// healthy does what a health check does: it asks as wget does, or runs bash.
func (s *stage) healthy(test []string) error {
	last := s.moved.Replace(test[len(test)-1])
	switch test[1] {
	case "wget":
		a, err := ask(s.t, http.MethodGet, last, "")
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%v", a)
		}
		return err
	case "bash":
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, "bash", "-c", last).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	return fmt.Errorf("a health check of a new kind: %v", test)
}

// ask runs the client service.
func (s *stage) ask() string {
	s.t.Helper()
	args := make([]string, len(s.project.Services["ask"].Command))
	for i, arg := range s.project.Services["ask"].Command {
		args[i] = s.moved.Replace(arg)
	}
	curl := s.place.launch(s.t, "curl", args...)
	if status := curl.end(patience); status != 0 {
		s.t.Fatalf("ask: status %d\n%s", status, curl.err.String())
	}
	return curl.out.String()
}

func TestComposesCommandsServeAsProcesses(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("the service ask is curl, and this test runs it: %v", err)
	}
	s := newStage(t)
	for _, name := range []string{"xds", "extproc", "envoy", "simulator"} {
		s.start(name)
	}
	if out := s.ask(); !strings.Contains(out, "x-dragoman-provider: alpha") {
		t.Errorf("the first answer:\n%s", out)
	}
	control := s.moved.Replace("http://127.0.0.1:9100/alpha?status=503")
	if a := mustAsk(t, http.MethodPost, control, ""); a.status != http.StatusOK {
		t.Fatal(a)
	}
	if out := s.ask(); !strings.Contains(out, "x-dragoman-provider: beta") || !strings.Contains(out, "x-dragoman-attempts: 2") {
		t.Errorf("with alpha broken:\n%s", out)
	}
	s.scrape()
	recordedSpend(t, s.place, s.moved.Replace(*s.project.Services["extproc"].Environment["DRAGOMAN_STATE"]), 2)
}

func TestComposesRedisIsWhatItsCommentAndTheStoresNeed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(?m)^  #   (store: .*)$`).FindSubmatch(text)
	demo, err := os.ReadFile(filepath.Join(repository, "testdata", "compose", "dragoman.yaml"))
	if err != nil || said == nil {
		t.Fatalf("the comment names no store, or %v", err)
	}
	c, err := catalog.Parse(catalog.Source{Name: "compose", Data: append(demo, said[1]...), Env: anyVariable})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Store.Redis.Addresses; !slices.Equal(got, []string{"redis:6379"}) {
		t.Errorf("it is looked for at %v", got)
	}
	redis := composed(t).Services["redis"]
	if got := strings.Join(redis.Command, " "); !strings.Contains(got, "--maxmemory-policy noeviction") || !slices.Equal(redis.Profiles, []string{"redis"}) {
		t.Errorf("it runs %s in %v", got, redis.Profiles)
	}
}

// scrape does what prometheus.yml asks for.
func (s *stage) scrape() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.place.dir, "etc", "prometheus.yml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var config struct {
		Jobs []struct {
			Name          string `yaml:"job_name"`
			Path          string `yaml:"metrics_path"`
			Authorization struct{ Credentials string }
			Static        []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		s.t.Fatal(err)
	}
	if len(config.Jobs) != 3 {
		s.t.Errorf("%d jobs, want 3", len(config.Jobs))
	}
	for _, job := range config.Jobs {
		path := job.Path
		if path == "" {
			path = "/metrics"
		}
		a := mustAsk(s.t, http.MethodGet, "http://"+job.Static[0].Targets[0]+path, "", "Authorization", "Bearer "+job.Authorization.Credentials)
		if a.status != http.StatusOK || !strings.Contains(a.body, "# TYPE ") {
			s.t.Errorf("%s: %d %.200s", job.Name, a.status, a.body)
		}
	}
}
