package envoy

import "testing"

func TestClustersTellTheirProvider(t *testing.T) {
	t.Parallel()
	for _, cluster := range []string{AttemptCluster("openai-eu"), ProviderCluster("openai-eu"), ExpressCluster("openai-eu")} {
		if p, ok := ProviderOf(cluster); !ok || p != "openai-eu" {
			t.Errorf("%s: %q %v", cluster, p, ok)
		}
	}
	for _, cluster := range []string{"", "openai-eu", ExtProcCluster, XDSCluster, attemptPrefix} {
		if p, ok := ProviderOf(cluster); ok {
			t.Errorf("%s belongs to %q", cluster, p)
		}
	}
	if p, ok := AttemptProvider(AttemptCluster("a")); !ok || p != "a" {
		t.Errorf("attempt cluster of a: %q %v", p, ok)
	}
	if _, ok := AttemptProvider(ExpressCluster("a")); ok {
		t.Error("an express cluster is no attempt cluster")
	}
}
