package fetch

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestOnlyPublicHTTPSURLsMayBeFetched(t *testing.T) {
	tests := []struct {
		url  string
		want error
	}{
		{"https://example.com/a.png", nil},
		{"HTTPS://EXAMPLE.com:443/a.png?x=1#top", nil},
		{"https://sub_domain.example.com/", nil},
		{"https://example.com./a", nil},
		{"https://8.8.8.8/a", nil},
		{"https://[2606:4700::1111]/a", nil},
		{"https://[64:ff9b::8.8.8.8]/a", nil},
		{"https://bücher.example/a", nil},

		{"", errScheme},
		{"a.png", errScheme},
		{"//example.com/a", errScheme},
		{"http://example.com/a", errScheme},
		{"ftp://example.com/a", errScheme},
		{"file:///etc/passwd", errScheme},
		{"gopher://example.com:70/", errScheme},
		{"data:image/png;base64,AAAA", errScheme},
		{"javascript:alert(1)", errScheme},
		{"https:example.com", errURL},
		{"https:///a", errURL},
		{"https://", errURL},
		{"https://exa mple.com/", errURL},
		{"https://example.com\n/", errURL},
		{"https://example.com:/a", errURL},
		{"https://example.com:x/a", errURL},
		{"https://example.com\\@127.0.0.1/", errURL},
		{"https://me:pw@example.com/", errUser},
		{"https://example.com@127.0.0.1/", errUser},
		{"https://@example.com/", errUser},
		{"https://example.com:80/", errPort},
		{"https://example.com:0/", errPort},
		{"https://example.com:65979/", errPort}, // 443 modulo 65536
		{"https://example.com:22/", errPort},
		{"https://example.com/" + strings.Repeat("a", longestURL), errLong},

		{"https://localhost/", errHost},
		{"https://LOCALHOST./", errHost},
		{"https://a.localhost/", errHost},
		{"https://printer.local/", errHost},
		{"https://metadata.google.internal/computeMetadata/v1/", errHost},
		{"https://vault.internal./", errHost},
		{"https://router.home.arpa/", errHost},
		{"https://kubernetes/", errHost},
		{"https://kubernetes./", errHost},
		{"https://127.0.0.1/", errHost},
		{"https://127.1/", errHost},
		{"https://0/", errHost},
		{"https://2130706433/", errHost},
		{"https://0x7f000001/", errHost},
		{"https://0x7f.0.0.1/", errHost},
		{"https://0177.0.0.1/", errHost},
		{"https://127.0.0.1./", errHost},
		{"https://１２７.0.0.1/", errHost},
		{"https://127。0。0。1/", errHost},
		{"https://example.com%00.evil.example/", errURL},
		{"https://169.254.169.254/latest/meta-data/", errHost},
		{"https://[::1]/", errHost},
		{"https://[::]/", errHost},
		{"https://[::ffff:127.0.0.1]/", errHost},
		{"https://[::ffff:a9fe:a9fe]/", errHost},
		{"https://[fe80::1%25eth0]/", errHost},
		{"https://[2606:4700::1111%25eth0]/", errHost},
		{"https://[fd00:ec2::254]/", errHost},
		{"https://[64:ff9b::10.0.0.1]/", errHost},
		{"https://[2002:7f00:1::]/", errHost},
		{"https://-.example.com/", errHost},
		{"https://a..example.com/", errHost},
		{"https://*.example.com/", errHost},
	}
	f := New(Options{})
	for _, tt := range tests {
		if _, err := f.judge(tt.url); !errors.Is(err, tt.want) {
			t.Errorf("%q is judged %v, want %v", tt.url, err, tt.want)
		}
	}
}

func TestThisMachineIsOnlyReachedWhereItIsAllowed(t *testing.T) {
	for _, text := range []string{"http://127.0.0.1:8080/a", "https://[::1]:1/a", "http://localhost:99/", "https://127.8.8.8/"} {
		if _, err := New(Options{}).judge(text); err == nil {
			t.Errorf("%s passes", text)
		}
		if _, err := New(Options{AllowLoopback: true}).judge(text); err != nil {
			t.Errorf("%s does not pass where it is allowed: %v", text, err)
		}
	}
	for _, text := range []string{"http://10.0.0.1/", "https://192.168.0.1/", "http://example.com/", "https://example.com:8443/", "http://localhost.example:80/", "http://me@127.0.0.1/"} {
		if _, err := New(Options{AllowLoopback: true}).judge(text); err == nil {
			t.Errorf("%s passes for this machine", text)
		}
	}
}

func TestAnAddressIsPublicOrItIsNot(t *testing.T) {
	public4 := strings.Fields("1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17 " +
		"169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255")
	private4 := strings.Fields("0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255 168.63.129.16 " +
		"169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.0 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 " +
		"198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255")
	public6 := strings.Fields("2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450::1 2620:4f:7fff::1 64:ff9b::808:808 ::ffff:8.8.8.8")
	private6 := strings.Fields(":: ::1 ::7f00:1 ::8.8.8.8 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1 " +
		"2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:808:808::1 2002:a00:1::1 2620:4f:8000::1 3fff::1 " +
		"4000::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fec0::1 ff02::1")
	check := func(text string, want bool) {
		t.Helper()
		ip := netip.MustParseAddr(text)
		if public(ip) != want {
			t.Errorf("%s passes for public: %t", text, !want)
		}
		if ip.Is4() && public(netip.AddrFrom16(ip.As16())) != want {
			t.Errorf("%s mapped into IPv6 is judged otherwise", text)
		}
	}
	for _, text := range slices.Concat(public4, public6) {
		check(text, true)
	}
	for _, text := range slices.Concat(private4, private6) {
		check(text, false)
	}
	if public(netip.Addr{}) {
		t.Error("no address passes for public")
	}
}

// What passes is what it seems: it reads the same again, and has a public host
// and nothing that is refused.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{
		"https://example.com/a.png?x=1#y", "https://8.8.8.8:443/", "https://[2606:4700::1]/", "https://me:pw@example.com/", "https://127.1/",
		"https://bücher.example:443/", "https://１２７.0.0.1/", "http://localhost/", "https://a%2eb.example/", "https://[::ffff:127.0.0.1]/",
	} {
		f.Add(s)
	}
	fetcher := New(Options{})
	f.Fuzz(func(t *testing.T, text string) {
		u, err := fetcher.judge(text)
		if err != nil {
			var broken rule
			if !errors.As(err, &broken) {
				t.Fatalf("%q: the error is no rule: %v", text, err)
			}
			return
		}
		if u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Fragment != "" || u.Port() != "" && strings.TrimLeft(u.Port(), "0") != "443" {
			t.Fatalf("%q passes as %s", text, u)
		}
		host := strings.ToLower(u.Hostname())
		if ip, err := netip.ParseAddr(host); err == nil && !public(ip) || err != nil && !strings.Contains(strings.TrimSuffix(host, "."), ".") {
			t.Fatalf("%q passes with the host %s", text, host)
		}
		again, err := fetcher.judge(u.String())
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q reads as %s, and that as %v, %v", text, u, again, err)
		}
		if plain, err := url.Parse(u.String()); err != nil || plain.Host != u.Host {
			t.Fatalf("%q goes to another host when it is sent: %v, %v", text, plain, err)
		}
	})
}
