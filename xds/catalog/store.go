package catalog

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Store says where replicas keep what they share. The zero Store is SQLite in
// the state directory, for one process.
type Store struct {
	Redis *Redis // nil = none
	// Postgres refers to the URL of a database for generations; zero = none.
	Postgres Reference
}

// Redis is a Redis server, a cluster, or a master that Sentinels know.
type Redis struct {
	// Addresses are host:port, IPv6 in brackets; several only of a cluster's nodes
	// or of Sentinels.
	Addresses []string
	Cluster   bool
	Sentinel  string // name of the master; "" = Addresses are not Sentinels
	Username  string // of Redis's ACL, "" = the default user
	Password  Reference
	// SentinelUsername and SentinelPassword are those of the Sentinels' own ACL.
	SentinelUsername string
	SentinelPassword Reference

	TLS      bool
	CAFile   string // a PEM bundle that replaces the system's roots, "" = system
	Database int
	Region   string // "" = there is but one
	Prefix   string // of every name in it, default "dgm"
	// Regions are the stores of the other regions, by region; their Regions are
	// nil.
	Regions map[string]*Redis
}

// Region is the region that this store is for, "" if there is but one.
func (s Store) Region() string {
	if s.Redis == nil {
		return ""
	}
	return s.Redis.Region
}

const (
	maxAddresses  = 64
	maxRegions    = 64
	redisPort     = 6379
	sentinelPort  = 26379
	defaultPrefix = "dgm"
	addressRight  = "write host or host:port, such as redis.internal:6379, with an IPv6 address in brackets"
)

// masterName is what Sentinel's configuration and Redis's ACL take for names.
var masterName = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,128}$`)

func (c *compiler) store() {
	doc, s := c.doc.Store, &c.catalog.Store
	if doc.Redis != nil {
		s.Redis = c.redis("store.redis", doc.Redis, defaultPrefix)
		c.regions("store.redis", doc.Redis, s.Redis)
	}
	s.Postgres = c.reference("store.postgres", doc.Postgres)
	if c.given("store") && doc.Redis == nil && !c.given("store.postgres") && !c.failed["store"] {
		c.fail("store", "names no store", "add redis or postgres, or leave store out for a file in the state directory")
	}
}

func (c *compiler) redis(path string, e *redisEntry, prefix string) *Redis {
	r := &Redis{
		Addresses: c.addresses(path, e), Cluster: e.Cluster, Sentinel: e.Sentinel, Username: e.Username,
		Password:         c.reference(path+".password", e.Password),
		SentinelUsername: e.SentinelUsername, SentinelPassword: c.reference(path+".sentinel_password", e.SentinelPassword),
		TLS: e.TLS, CAFile: c.file(ownAuthorities, path+".ca", e.CA),
		Database: int(c.within(path+".database", e.Database, bounds{0, 65535, 0})), Region: e.Region, Prefix: prefix,
	}
	for _, name := range []struct{ field, value, what string }{
		{path + ".sentinel", e.Sentinel, "the name of a master"},
		{path + ".username", e.Username, "the name of a user"},
		{path + ".sentinel_username", e.SentinelUsername, "the name of a user"},
	} {
		if c.given(name.field) && !masterName.MatchString(name.value) {
			c.fail(name.field, "is not "+name.what, `write 1 to 128 printable ASCII characters without spaces, " and \`)
		}
	}
	if c.given(path + ".prefix") {
		if r.Prefix = e.Prefix; !slugName.MatchString(e.Prefix) {
			c.fail(path+".prefix", show(e.Prefix)+" is not a prefix", slugRight)
		}
	}
	c.redisParts(path, e)
	return r
}

// redisParts refuses what does not go together.
func (c *compiler) redisParts(path string, e *redisEntry) {
	if e.Cluster && c.given(path+".sentinel") {
		c.fail(path+".sentinel", "is given beside cluster", "remove one of them: a cluster has no Sentinels")
	}
	if e.Cluster && e.Database != nil && *e.Database != 0 {
		c.fail(path+".database", "is not 0, and a cluster has no other", "remove it")
	}
	if n := len(e.Addresses); n > 1 && !e.Cluster && !c.given(path+".sentinel") {
		c.fail(path+".addresses", fmt.Sprintf("has %d entries, which one server has not", n), "write one, or say what they are: cluster: true, or sentinel: with the name of the master")
	}
	for _, of := range []string{"", "sentinel_"} {
		if c.given(path+"."+of+"username") && !c.given(path+"."+of+"password") {
			c.fail(path+"."+of+"username", "has no password", "add "+of+"password: env:NAME or file:PATH")
		}
	}
	c.beside(path+".sentinel_username", path+".sentinel")
	c.beside(path+".sentinel_password", path+".sentinel")
	if c.given(path+".ca") && !e.TLS {
		c.fail(path+".ca", "means nothing without tls", "add tls: true, or remove ca")
	}
}

func (c *compiler) addresses(path string, e *redisEntry) []string {
	field := path + ".addresses"
	if n := len(e.Addresses); c.given(field) && !c.failed[field] && (n == 0 || n > maxAddresses) {
		c.fail(field, fmt.Sprintf("has %d entries", n), fmt.Sprintf("write 1 to %d", maxAddresses))
	}
	port := redisPort
	if c.given(path + ".sentinel") {
		port = sentinelPort
	}
	var list []string
	for i, text := range e.Addresses {
		at := element(field, i)
		address, ok := redisAddress(text, port)
		switch {
		case c.failed[at]:
		case !ok:
			c.fail(at, "is not the address of a server", addressRight)
		case slices.Contains(list, address):
			c.fail(at, "is given twice", "remove one of them")
		}
		list = append(list, address)
	}
	return list
}

// redisAddress adds the port that is left out.
func redisAddress(text string, normal int) (address string, ok bool) {
	if strings.LastIndexByte(text, ':') <= strings.LastIndexByte(text, ']') {
		text += ":" + strconv.Itoa(normal)
	}
	host, port, wrong, _ := parseAuthority(text, false)
	return net.JoinHostPort(host, strconv.Itoa(int(port))), wrong == ""
}

// regions are the stores of the other regions.
func (c *compiler) regions(path string, e *redisEntry, r *Redis) {
	field := path + ".regions"
	c.region(path+".region", e.Region)
	if !c.given(field) || c.failed[field] {
		return
	}
	switch n := len(e.Regions); {
	case !c.given(path + ".region"):
		c.fail(field, "needs to know which region this is", "add region: with its name")
	case n == 0 || n > maxRegions:
		c.fail(field, fmt.Sprintf("names %d regions", n), fmt.Sprintf("write 1 to %d, or leave regions out", maxRegions))
		return
	}
	r.Regions = make(map[string]*Redis, len(e.Regions))
	for _, name := range sortedKeys(e.Regions) {
		at, entry := member(field, name), e.Regions[name]
		switch {
		case !slugName.MatchString(name):
			c.failName(at, "is not a name for a region", slugRight)
		case name == e.Region:
			c.failName(at, "is this region itself", "list only the others")
		}
		for _, nested := range []string{".region", ".regions"} {
			if c.given(at + nested) {
				c.fail(at+nested, "means nothing for another region", "remove it")
			}
		}
		other := c.redis(at, &entry, r.Prefix)
		other.Region = name
		r.Regions[name] = other
	}
}

func (c *compiler) region(field, name string) {
	if c.given(field) && !slugName.MatchString(name) {
		c.fail(field, show(name)+" is not a name for a region", slugRight)
	}
}
