package catalog

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// compiler turns the document into the catalog, part by part. What it fills in
// only leaves Parse if the report stays empty, so it goes on after errors.
type compiler struct {
	*report
	src     Source
	doc     *document
	presets presets
	known   *knownModels
	catalog *Catalog
}

// something refuses a catalog that could serve nothing.
func (c *compiler) something() {
	if len(c.doc.Providers) == 0 {
		c.fail("providers", "no provider is configured",
			"add one that has a preset, such as providers: {openai: {}} with OPENAI_API_KEY set, or one with dialect, base_url and models")
	}
}

// Defaults of the listener and of limits.
const (
	defaultPort      = 10000
	defaultBody      = 32 << 20
	defaultExchanges = 65536
	defaultDrain     = 30 * time.Second
)

func (c *compiler) listen() {
	doc, l := c.doc.Listen, &c.catalog.Listen
	l.Address = "127.0.0.1"
	if c.given("listen.address") {
		l.Address = doc.Address
	}
	ip, err := netip.ParseAddr(l.Address)
	if err != nil || ip.Zone() != "" || ip.Is4In6() {
		c.fail("listen.address", show(l.Address)+" is not an IP address",
			"write 127.0.0.1 for this machine only, or 0.0.0.0 or :: for every interface")
	} else if l.Address = ip.String(); c.doc.Open && !ip.IsLoopback() {
		c.fail("open", "anyone who reaches "+l.Address+" could spend the providers' money",
			"listen on 127.0.0.1, or remove open and add keys")
	}
	l.Port = uint16(c.within("listen.port", doc.Port, bounds{0, 65535, defaultPort}))
	c.external()
	l.TrustedHops = uint32(c.within("listen.trusted_hops", doc.TrustedHops, bounds{0, 16, 0}))
	if doc.TLS != nil {
		l.TLS = &TLS{
			CertFile: c.file(certificateFile, "listen.tls.cert", doc.TLS.Cert),
			KeyFile:  c.file(privateKeyFile, "listen.tls.key", doc.TLS.Key),
		}
	}
	seen := map[string]bool{}
	for i, origin := range doc.CORSOrigins {
		field := element("listen.cors_origins", i)
		switch {
		case !validOrigin(origin):
			c.fail(field, show(origin)+" is not an origin", "write a scheme and a host in small letters and nothing after them, such as https://app.example or http://localhost:3000")
		case seen[origin]:
			c.fail(field, show(origin)+" is given twice", "remove one of them")
		}
		seen[origin] = true
	}
	l.CORSOrigins = doc.CORSOrigins
}

// external leaves to the operator what the catalog would otherwise say.
func (c *compiler) external() {
	l := c.doc.Listen
	if c.catalog.Listen.External = l.External; !l.External {
		return
	}
	if c.doc.Open {
		c.fail("open", "with listen.external nobody here knows who reaches the listener", "add keys and remove open")
	}
	if l.TLS != nil {
		c.fail("listen.tls", "means nothing with listen.external", "write the certificate into the listener of your Envoy")
	}
}

// validOrigin reads an origin as browsers write it (RFC 6454 section 6.1):
// without path, default port and capital letters.
func validOrigin(s string) bool {
	scheme, authority, ok := strings.Cut(s, "://")
	if !ok || scheme != "https" && scheme != "http" || strings.ContainsFunc(authority, control) {
		return false
	}
	host, port, wrong, _ := parseAuthority(authority, scheme == "https")
	return wrong == "" && BaseURL{TLS: scheme == "https", Host: host, Port: port}.String() == s
}

func (c *compiler) limits() {
	doc := c.doc.Limits
	c.catalog.Limits = Limits{
		Body:      c.bytes("limits.body", doc.Body, bounds{1 << 10, 1 << 30, defaultBody}),
		Held:      c.bytes("limits.held", doc.Held, bounds{0, 1 << 40, 0}),
		Exchanges: int(c.within("limits.exchanges", doc.Exchanges, bounds{1, 1 << 24, defaultExchanges})),
		Drain:     c.span("limits.drain", doc.Drain, spans{0, time.Hour, defaultDrain}),
	}
	if l := c.catalog.Limits; l.Held != 0 && l.Held < l.Body {
		c.fail("limits.held", "is less than limits.body, so that the largest request could never be held",
			fmt.Sprintf("write 0 for a quarter of memory, or at least %d", l.Body))
	}
}

// bounds are the least, the greatest and the default of a number.
type bounds struct{ least, most, normal int64 }

func (r *report) within(field string, v *int64, b bounds) int64 {
	if v == nil {
		return b.normal
	}
	if *v < b.least || *v > b.most {
		r.fail(field, fmt.Sprintf("%d is out of range", *v), fmt.Sprintf("write a number from %d to %d", b.least, b.most))
		return b.normal
	}
	return *v
}

func (r *report) bytes(field string, v *size, b bounds) int64 {
	if v == nil || r.failed[field] {
		return b.normal
	}
	if n := int64(*v); n < b.least || n > b.most {
		r.fail(field, fmt.Sprintf("%d bytes is out of range", n), fmt.Sprintf("write a size from %s to %s", inUnits(b.least), inUnits(b.most)))
		return b.normal
	}
	return int64(*v)
}

func inUnits(n int64) string {
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.suffix)
		}
	}
	return strconv.FormatInt(n, 10)
}

// spans are the least, the greatest and the default of a duration.
type spans struct{ least, most, normal time.Duration }

func (r *report) span(field string, v *duration, s spans) time.Duration {
	if v == nil || r.failed[field] {
		return s.normal
	}
	if d := time.Duration(*v); d < s.least || d > s.most {
		r.fail(field, written(d)+" is out of range", "write a duration from "+written(s.least)+" to "+written(s.most))
		return s.normal
	}
	return time.Duration(*v)
}

// written is a duration as an operator would write it: 1h, not 1h0m0s.
func written(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// file checks the name of a file and resolves it. The file itself is not
// opened: that is Verify's, for it may come later.
func (c *compiler) file(kind fileKind, field, name string) string {
	if !c.given(field) {
		return ""
	}
	if !fileName(name) {
		c.fail(field, "is not the name of a file", "write its path, such as tls/gateway.crt")
		return ""
	}
	path := c.resolve(name)
	c.catalog.files = append(c.catalog.files, namedFile{kind, field, path, c.find(field)})
	return path
}

func (c *compiler) resolve(file string) string {
	if c.src.Dir == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(c.src.Dir, file)
}
