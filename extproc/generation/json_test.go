package generation_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestAGenerationIsShownWithEveryNumber(t *testing.T) {
	const want = `{"data":{"id":"fe010200000000000000000000000000","total_cost":0.123456789,"upstream_inference_cost":0.223456789,` +
		`"usage":0.123456789,"created_at":"2027-02-27T21:30:00.123Z","model":"openai/gpt-5","is_byok":false,"provider_name":"openai-eu",` +
		`"streamed":true,"finish_reason":"stop","latency":200,"generation_time":4000,"tokens_prompt":1200,"tokens_completion":90,` +
		`"native_tokens_prompt":1200,"native_tokens_completion":90,"native_tokens_reasoning":40,"native_tokens_cached":1000,` +
		`"native_tokens_cache_creation":0,"billable_web_search_calls":0,"market_cost":0.223456789,"gateway_cost":0.123456789,"surcharge_cost":0}}`
	if diff := cmp.Diff(want, string(generation.GenerationJSON(generationtest.Full()))); diff != "" {
		t.Error(diff)
	}
	// Of an exchange of which nothing is known, too.
	var got struct{ Data map[string]any }
	if err := json.Unmarshal(generation.GenerationJSON(&generation.Record{}), &got); err != nil || len(got.Data) != 23 {
		t.Fatalf("%v, %d members", err, len(got.Data))
	}
	for name, value := range got.Data {
		if value == nil {
			t.Errorf("%s is null", name)
		}
	}
}

func TestAReportHasTheMembersItIsGroupedBy(t *testing.T) {
	sums := generation.Sums{Requests: 3, Failed: 1, Cost: 1_200_000_001, Market: 2e9, Input: 10, Output: 5}
	const numbers = `"total_cost":1.200000001,"market_cost":2,"surcharge_cost":0,"gateway_cost":1.200000001,"input_tokens":10,"output_tokens":5,` +
		`"cached_input_tokens":0,"cache_creation_input_tokens":0,"reasoning_tokens":0,"request_count":3,"failed_count":1,"unpriced_count":0,"estimated_count":0}`
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		group generation.Grouping
		want  string
	}{
		{generation.Grouping{}, ""},
		{generation.Grouping{Per: generation.Day}, `"day":"2026-11-01",`},
		{generation.Grouping{Per: generation.Hour}, `"hour":"2026-11-01T08",`},
		{generation.Grouping{By: generation.ByModel}, `"model":"a<b",`},
		{generation.Grouping{By: generation.ByProvider}, `"provider":"a<b",`},
		{generation.Grouping{By: generation.ByKey}, `"api_key_name":"a<b",`},
		{generation.Grouping{By: generation.ByTenant}, `"tenant":"a<b",`},
		{generation.Grouping{By: generation.ByTag}, `"tag":"a<b",`},
		{generation.Grouping{By: generation.ByUser, Per: generation.Day}, `"day":"2026-11-01","user":"a<b",`},
		{generation.Grouping{By: generation.ByCredential}, `"credential_type":"a<b",`},
	} {
		row := generation.Row{Value: "a<b", Time: at, Sums: sums}
		got := string(generation.ReportJSON([]generation.Row{row}, c.group))
		if want := `{"results":[{` + c.want + numbers + `]}`; got != want {
			t.Errorf("%+v: %s", c.group, cmp.Diff(want, got))
		}
	}
	if got := string(generation.ReportJSON(nil, generation.Grouping{})); got != `{"results":[]}` {
		t.Errorf("nothing: %s", got)
	}
	if got := string(generation.SumsJSON(sums)); got != "{"+numbers {
		t.Errorf("sums: %s", got)
	}
}

func TestCreditsAreDecimalStrings(t *testing.T) {
	for _, c := range []struct {
		balance, used llm.NanoUSD
		want          string
	}{
		{95_500_000_000, 4_500_000_000, `{"balance":"95.5","total_used":"4.5"}`},
		{-1, math.MaxInt64, `{"balance":"-0.000000001","total_used":"9223372036.854775807"}`},
	} {
		if got := string(generation.CreditsJSON(c.balance, c.used)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func FuzzMoneyIsReadAsItIsWritten(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 999_999_999, 1e9, math.MaxInt64, math.MinInt64} {
		f.Add(n, "0.5")
	}
	f.Add(int64(5), "1.0000000001")
	f.Fuzz(func(t *testing.T, n int64, text string) {
		if got, err := generation.ParseDollars(generation.Dollars(llm.NanoUSD(n))); err != nil || got != llm.NanoUSD(n) {
			t.Errorf("%d is written %s and read %d, %v", n, generation.Dollars(llm.NanoUSD(n)), got, err)
		}
		got, err := generation.ParseDollars(json.Number(text))
		if err != nil {
			return
		}
		if again, err := generation.ParseDollars(generation.Dollars(got)); err != nil || again != got {
			t.Errorf("%q is read %d, then %d, %v", text, got, again, err)
		}
	})
}

func TestWhatIsNoAmountIsRefused(t *testing.T) {
	for _, text := range []json.Number{"", "-", ".5", "5.", "1e3", "+1", "1.0000000001", "10000000000", "NaN", " 1", "1_0", "--1"} {
		if n, err := generation.ParseDollars(text); !errors.Is(err, generation.ErrDollars) {
			t.Errorf("%q is read as %d, %v", text, n, err)
		}
	}
}

func FuzzARecordIsReadAsItIsWritten(f *testing.F) {
	full, err := json.Marshal(generationtest.Full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(`{"id":"fe010200000000000000000000000000","started":"2027-02-27T21:30:00Z","usage":{},"cost":0,"market_cost":0,"priced":true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second generation.Record
		if json.Unmarshal(text, &first) != nil {
			return
		}
		written, err := json.Marshal(&first)
		if err != nil {
			return // a year beyond what RFC 3339 can say
		}
		if err := json.Unmarshal(written, &second); err != nil {
			t.Fatalf("%s is not read: %v", written, err)
		}
		if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzAPositionIsReadAsItIsWritten(f *testing.F) {
	f.Add(generationtest.Full().Position().String())
	f.Add("-")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := generation.ParsePosition(text)
		if err != nil {
			return
		}
		if again, err := generation.ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is read %v, then %v, %v", text, p, again, err)
		}
	})
}

func TestAnIDIsThirtyTwoDigits(t *testing.T) {
	id := generationtest.Full().ID
	if got, err := generation.ParseID(id.String()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "fe", "gg010200000000000000000000000000", "fe0102000000000000000000000000000"} {
		if _, err := generation.ParseID(text); !errors.Is(err, generation.ErrID) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
