package identity

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const good = "dgm_good-key"

func tableOf(keys ...string) *Table {
	var entries []catalog.Key
	for _, k := range keys {
		entries = append(entries, catalog.Key{Name: "name of " + k, Hash: sha256.Sum256([]byte(k))})
	}
	return BuildTable(Entries{Catalog: entries})
}

// offer presents headers, written "name: value".
func offer(headers ...string) *Presented {
	p := &Presented{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		p.Offer([]byte(name), []byte(value))
	}
	return p
}

func TestAKeyIsFoundWhereSDKsPutIt(t *testing.T) {
	table := tableOf(good, "other")
	for _, headers := range [][]string{
		{"authorization: Bearer " + good},
		{"authorization: bearer " + good},
		{"Authorization: BEARER \t " + good + " "},
		{"x-api-key: " + good},
		{"X-API-Key: " + good + "\t"},
		{"api-key: " + good},
		{"x-goog-api-key: " + good},
		{"authorization: Bearer " + good, "x-api-key: " + good},
		{"x-api-key: " + good, "x-api-key: " + good, "accept: */*", "cookie: key=other"},
	} {
		t.Run(strings.Join(headers, " + "), func(t *testing.T) {
			key, p := table.Check(offer(headers...), time.Time{})
			if p != nil || key == nil || key.Name != "name of "+good {
				t.Errorf("Check gives %v, %v", key, p)
			}
		})
	}
}

func TestEverythingElseIsA401ThatSaysWhatIsWrong(t *testing.T) {
	hash := sha256.Sum256([]byte(good))
	const unknown = "The API key is not known here; check that it is complete and has not been withdrawn."
	tests := []struct {
		name    string
		headers []string
		want    string
	}{
		{"nothing", nil, "The request has no API key; send it as Authorization: Bearer <key>, or in the header x-api-key."},
		{
			"other headers",
			[]string{"cookie: " + good, "x-api-keys: " + good, "proxy-authorization: Bearer " + good},
			"The request has no API key; send it as Authorization: Bearer <key>, or in the header x-api-key.",
		},
		{"an unknown key", []string{"x-api-key: dgm_bad"}, unknown},
		{"a part of a key", []string{"x-api-key: " + good[:len(good)-1]}, unknown},
		{"a key and more", []string{"x-api-key: " + good + "x"}, unknown},
		{"a key in another case", []string{"x-api-key: " + strings.ToUpper(good)}, unknown},
		{"a key's hash", []string{fmt.Sprintf("x-api-key: %x", hash)}, unknown},
		{"a key's hash as the catalog writes it", []string{fmt.Sprintf("authorization: Bearer sha256:%x", hash)}, unknown},
		{"a name", []string{"x-api-key: name"}, unknown},
		{"two keys", []string{"x-api-key: " + good, "authorization: Bearer other"}, "The request has several different API keys; send one."},
		{"two keys in one header name", []string{"x-api-key: other", "x-api-key: " + good}, "The request has several different API keys; send one."},
		{"another scheme", []string{"authorization: Basic " + good}, "The header authorization is not of the form Bearer <key>."},
		{"no scheme", []string{"authorization: " + good}, "The header authorization is not of the form Bearer <key>."},
		{"a scheme that begins alike", []string{"authorization: Bearers " + good}, "The header authorization is not of the form Bearer <key>."},
		{"a scheme cut short", []string{"authorization: Bear"}, "The header authorization is not of the form Bearer <key>."},
		{"a scheme alone", []string{"authorization: Bearer"}, "The header authorization holds no API key; send it as Authorization: Bearer <key>, or in the header x-api-key."},
		{"a scheme and space", []string{"authorization: Bearer  "}, "The header authorization holds no API key; send it as Authorization: Bearer <key>, or in the header x-api-key."},
		{"an empty header", []string{"api-key: "}, "The header api-key holds no API key; send it as Authorization: Bearer <key>, or in the header x-api-key."},
		{
			"an empty header beside a good one",
			[]string{"authorization: ", "x-api-key: " + good},
			"The header authorization holds no API key; send it as Authorization: Bearer <key>, or in the header x-api-key.",
		},
		{"a bad header after a good one", []string{"x-api-key: " + good, "authorization: Basic x"}, "The header authorization is not of the form Bearer <key>."},
		{"a list", []string{"authorization: Bearer " + good + ",Bearer " + good}, "The header authorization holds a list; send one API key, once."},
		{"a list in another header", []string{"x-goog-api-key: " + good + ", " + good}, "The header x-goog-api-key holds a list; send one API key, once."},
		{"a space inside", []string{"x-api-key: " + good + " " + good}, "The API key in the header x-api-key holds spaces or characters that no key has."},
		{"a control character", []string{"x-api-key: " + good + "\x00"}, "The API key in the header x-api-key holds spaces or characters that no key has."},
		{"a line break", []string{"authorization: Bearer " + good + "\r\n"}, "The API key in the header authorization holds spaces or characters that no key has."},
		{"no ASCII", []string{"x-api-key: " + good + "é"}, "The API key in the header x-api-key holds spaces or characters that no key has."},
		{"too long", []string{"x-api-key: " + strings.Repeat("k", 4097)}, "The header x-api-key is longer than 4096 bytes, which no API key is."},
		{"as long as may be", []string{"x-api-key: " + strings.Repeat("k", 4096)}, unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, p := tableOf(good, "other").Check(offer(tt.headers...), time.Time{})
			if key != nil || p == nil || p.Kind != llm.Unauthenticated || p.Message != tt.want {
				t.Fatalf("Check gives %v, %v; want %q", key, p, tt.want)
			}
			if strings.Contains(p.Message, "good") {
				t.Errorf("the message repeats what was sent: %s", p.Message)
			}
		})
	}
}

func TestOfferTellsCredentialsFromOtherHeaders(t *testing.T) {
	for name, want := range map[string]bool{
		"authorization": true, "Authorization": true, "x-api-key": true, "api-key": true, "x-goog-api-key": true,
		"": false, "accept": false, ":authority": false, "x-api-kez": false, "proxy-authorization": false,
	} {
		for _, value := range []string{"", "x", "Bearer x", strings.Repeat("k", 5000)} {
			if got := (&Presented{}).Offer([]byte(name), []byte(value)); got != want {
				t.Errorf("%q with %d bytes is a credential: %v", name, len(value), got)
			}
		}
	}
}

func TestWhatWasPresentedIsNotPrinted(t *testing.T) {
	p := offer("x-api-key: " + good)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, p); got != "(secret)" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// FuzzOffer: whatever is sent, only the one known key passes, in a header that
// holds it and nothing else, and no message repeats what was sent.
func FuzzOffer(f *testing.F) {
	f.Add("authorization", "Bearer "+good, "x-api-key", good)
	f.Add("authorization", "Bearer", "api-key", " "+good)
	f.Add("x-goog-api-key", good+","+good, "Authorization", "Basic "+good)
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		p := &Presented{}
		var shown []string
		for _, h := range [][2]string{{name1, value1}, {name2, value2}} {
			if p.Offer([]byte(h[0]), []byte(h[1])) {
				value := strings.Trim(h[1], " \t")
				if strings.EqualFold(h[0], "authorization") && len(value) > len("bearer") && strings.EqualFold(value[:6], "bearer") {
					value = strings.TrimLeft(value[6:], " \t")
				}
				shown = append(shown, value)
			}
		}
		want := len(shown) > 0
		for _, value := range shown {
			want = want && value == good
		}
		key, problem := tableOf(good).Check(p, time.Time{})
		if (key == nil) == (problem == nil) {
			t.Fatalf("Check gives %v and %v", key, problem)
		}
		if key != nil && !want {
			t.Errorf("%q: %q and %q: %q pass", name1, value1, name2, value2)
		}
		if problem != nil && problem.Kind != llm.Unauthenticated {
			t.Errorf("the problem is %v", problem.Kind)
		}
		for _, value := range shown {
			if problem != nil && len(value) > 24 && strings.Contains(problem.Message, value) {
				t.Errorf("%q repeats what was sent", problem.Message)
			}
		}
	})
}
