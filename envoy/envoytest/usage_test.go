package envoytest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// tokens reads dragoman_tokens_total of a provider, by class.
func tokens(g *Gateway, provider string) (map[string]float64, error) {
	families, err := g.Metrics.Gather()
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "dragoman_tokens_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["provider"] == provider {
				out[labels["class"]] = m.GetCounter().GetValue()
			}
		}
	}
	return out, nil
}

func TestUsageIsCountedOnceInEveryWay(t *testing.T) {
	t.Parallel()
	const script = `"sim":{"*":{"usage":{"prompt_tokens":100,"cached_tokens":30,"completion_tokens":20,"reasoning_tokens":5}}}`
	g := Start(t, Options{})
	asked := 0.0
	for _, w := range ways {
		for _, usage := range []string{"", `"stream_options":{"include_usage":true},`} {
			if !w.stream && usage != "" {
				continue
			}
			body := fmt.Sprintf(`{"model":%q,"stream":%v,%s"messages":[{"role":"user","content":"Hi"}],%s}`, w.model, w.stream, usage, script)
			a := g.MustPost(t, body)
			if a.Status != 200 || w.stream && strings.Contains(string(a.Body), `"prompt_tokens":100`) != (usage != "") {
				t.Errorf("%s, usage asked for %v: %s", w.name, usage != "", a)
			}
			asked++
			want := map[string]float64{"input": 70 * asked, "cache_read": 30 * asked, "output": 15 * asked, "reasoning": 5 * asked}
			Eventually(t, 10*time.Second, fmt.Sprintf("%s, usage asked for %v: tokens are counted", w.name, usage != ""), func() error {
				got, err := tokens(g, "alpha")
				for class, n := range want {
					if got[class] != n {
						err = fmt.Errorf("%v, want %v", got, want)
					}
				}
				return err
			})
		}
	}
}
