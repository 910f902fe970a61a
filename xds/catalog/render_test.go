package catalog

import "reflect"

// renderSpending writes who may ask, what may be spent and where that is kept,
// where a catalog says more of it than nothing.
func renderSpending(c *Catalog, line func(string, ...any)) {
	for _, t := range c.Tenants {
		line("tenant %s tags %q models %q suspended %t", t.Name, t.Tags, t.Models, t.Suspended)
	}
	for _, b := range c.Budgets {
		line("budget %s per %q each %q soft %d shares %v", b.Name, b.Per, b.Each, b.Soft, b.Shares)
		line("  keys %q tenants %q models %q tags %q", b.Keys, b.Tenants, b.Models, b.Tags)
		for _, l := range b.Limits {
			line("  %s %d away %d", l.Unit, l.Amount, l.Away)
		}
	}
	for _, i := range c.Issuers {
		line("issuer %s %s jwks %q ca %q leeway %s", i.Name, i.Issuer, i.JWKS, i.CAFile, i.Leeway)
		line("  audience %q algorithms %q require %q models %q", i.Audience, i.Algorithms, i.Require, i.Models)
		line("  tenant %q key %q tags %q", i.Tenant, i.Key, i.Tags)
	}
	if c.Store != (Store{}) {
		line("store postgres %q", c.Store.Postgres)
		renderRedis("  redis", c.Store.Redis, line)
	}
	if usual := (Quota{Wait: defaultWait, OwnFallback: true}); c.Quota != usual {
		line("quota wait %s webhook %q secret %q fallback %t", c.Quota.Wait, c.Quota.Webhook, c.Quota.WebhookSecret, c.Quota.OwnFallback)
	}
	if g := c.Generations; g != (Generations{Keep: defaultKeep}) {
		line("generations keep %s contents %t jsonl %q otlp %q headers %q", g.Keep, g.Contents, g.JSONL, g.OTLP, g.OTLPHeaders)
	}
	if s := c.Secrets; !reflect.DeepEqual(s, Secrets{}) {
		line("secrets key %q former %q", s.Key, s.Former)
	}
}

func renderRedis(what string, r *Redis, line func(string, ...any)) {
	if r == nil {
		return
	}
	line("%s %q cluster %t sentinel %q database %d region %q prefix %q", what, r.Addresses, r.Cluster, r.Sentinel, r.Database, r.Region, r.Prefix)
	if bare := (Redis{Addresses: r.Addresses, Cluster: r.Cluster, Sentinel: r.Sentinel, Database: r.Database, Region: r.Region, Prefix: r.Prefix, Regions: r.Regions, SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword}); !reflect.DeepEqual(*r, bare) {
		line("    username %q password %q tls %t ca %q", r.Username, r.Password, r.TLS, r.CAFile)
	}
	if r.SentinelUsername != "" || r.SentinelPassword != (Reference{}) {
		line("    sentinels' username %q password %q", r.SentinelUsername, r.SentinelPassword)
	}
	for _, region := range sortedKeys(r.Regions) {
		renderRedis("  region "+region, r.Regions[region], line)
	}
}
