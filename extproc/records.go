package extproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// recordsTime bounds what a question about records may take.
const recordsTime = 5 * time.Second

// questions is how many may be under way at a time: each keeps a database busy.
const questions = 8

// records answers a client's question about its own past: one generation, a
// report, or what its budget still holds.
func (r *routing) records() error {
	b := r.s.books
	if b == nil {
		return r.refuse(&llm.Problem{Kind: llm.NotImplemented, Message: "This gateway keeps no records."})
	}
	if m := string(r.head.method); m != "GET" && m != "HEAD" {
		return r.refuse(&llm.Problem{Kind: llm.MethodNotAllowed, Message: "Use GET for " + r.asked.endpoint.String() + "."})
	}
	select {
	case r.s.asking <- struct{}{}:
		defer func() { <-r.s.asking }()
	default:
		return r.refuse(&llm.Problem{Kind: llm.Overloaded, RetryAfter: time.Second, Message: "Too many questions about records at a time; try again in a moment."})
	}
	ctx, cancel := context.WithTimeout(r.st.Context(), recordsTime)
	defer cancel()
	_, text, _ := bytes.Cut(r.head.path, []byte("?"))
	query, err := url.ParseQuery(string(text))
	if err != nil {
		return r.refuse(&llm.Problem{Kind: llm.InvalidRequest, Message: "The query cannot be read; escape what is not a letter or digit."})
	}
	var body []byte
	var p *llm.Problem
	switch r.asked.endpoint {
	case oneGeneration:
		body, p = r.generation(ctx, query)
	case report:
		body, p = r.report(ctx, query)
	default:
		body, p = r.credits(ctx)
	}
	if p != nil {
		return r.refuse(p)
	}
	r.s.meter.Answered(r.asked.endpoint.String())
	return r.immediate(200, body, nil)
}

// whose is whose records the client may see: its tenant's, else its key's.
func (r *routing) whose() generation.View {
	switch {
	case r.key == nil:
		return generation.View{All: true} // open: everybody is the operator
	case r.key.Tenant != "":
		return generation.View{Tenant: r.key.Tenant}
	default:
		return generation.View{Key: nameOf(r.key), KeyID: r.key.ID}
	}
}

func (r *routing) generation(ctx context.Context, query url.Values) ([]byte, *llm.Problem) {
	id, err := generation.ParseID(query.Get("id"))
	if err != nil {
		return nil, &llm.Problem{Kind: llm.InvalidRequest, Param: "id", Message: "id is " + err.Error() + ", as in the header x-dragoman-generation."}
	}
	record, err := r.s.books.Records.Get(ctx, id, r.whose())
	if err != nil {
		return nil, recordsProblem(err)
	}
	return generation.GenerationJSON(record), nil
}

func recordsProblem(err error) *llm.Problem {
	if errors.Is(err, generation.ErrNotFound) {
		return &llm.Problem{Kind: llm.NotFound, Param: "id", Message: "No such generation. It is kept from the end of its answer on."}
	}
	return &llm.Problem{Kind: llm.Overloaded, RetryAfter: time.Second, Message: "The records cannot be read at the moment.", Cause: err}
}

// maxReport is the longest time that a report is about.
const maxReport = 366 * 24 * time.Hour

// maxReportTags is how many tags a report may be about: each is a condition of
// its own in a database's question.
const maxReportTags = 10

func (r *routing) report(ctx context.Context, query url.Values) ([]byte, *llm.Problem) {
	f := generation.Filter{
		View: r.whose(), Model: query.Get("model"), Provider: query.Get("provider"), User: query.Get("user_id"),
		EachTag: query.Get("tags_match") == "all",
	}
	f.Tags = strings.FieldsFunc(query.Get("tags"), func(c rune) bool { return c == ',' })
	if len(f.Tags) > maxReportTags {
		return nil, &llm.Problem{Kind: llm.InvalidRequest, Param: "tags", Message: fmt.Sprintf("tags may name %d tags at most; %d are named.", maxReportTags, len(f.Tags))}
	}
	if match := query.Get("tags_match"); !slices.Contains([]string{"", "any", "all"}, match) {
		return nil, &llm.Problem{Kind: llm.InvalidRequest, Param: "tags_match", Message: `tags_match must be "any" or "all".`}
	}
	var p *llm.Problem
	if f.From, f.To, p = r.span(query); p != nil {
		return nil, p
	}
	switch credential := query.Get("credential_type"); credential {
	case "":
	case "byok", "system":
		f.Own = llm.Some(credential == "byok")
	default:
		return nil, &llm.Problem{Kind: llm.InvalidRequest, Param: "credential_type", Message: `credential_type must be "byok" or "system".`}
	}
	g, p := grouping(query)
	if p != nil {
		return nil, p
	}
	rows, err := r.s.books.Reader.Report(ctx, f, g)
	if err != nil {
		return nil, recordsProblem(err)
	}
	return generation.ReportJSON(rows, g), nil
}

// span is what time a report is about: by default the thirty days that end with
// the last one.
func (r *routing) span(query url.Values) (from, to time.Time, p *llm.Problem) {
	if to, p = day(query, "end_date", r.started.UTC().Truncate(generation.Day)); p != nil {
		return from, to, p
	}
	if from, p = day(query, "start_date", to.AddDate(0, 0, -29)); p != nil {
		return from, to, p
	}
	to = to.Add(generation.Day) // the day itself counts
	if !to.After(from) || to.Sub(from) > maxReport {
		p = &llm.Problem{Kind: llm.InvalidRequest, Param: "start_date", Message: "start_date must not be after end_date, nor more than a year before it."}
	}
	return from, to, p
}

// groupings are the words of group_by, and "day" for none.
var groupings = map[string]generation.Dimension{
	"": generation.ByNothing, "day": generation.ByNothing, "user": generation.ByUser, "model": generation.ByModel, "tag": generation.ByTag,
	"provider": generation.ByProvider, "credential_type": generation.ByCredential, "api_key_name": generation.ByKey,
}

func grouping(query url.Values) (g generation.Grouping, p *llm.Problem) {
	by, known := groupings[query.Get("group_by")]
	part := query.Get("date_part")
	if !known || !slices.Contains([]string{"", "day", "hour"}, part) {
		return g, &llm.Problem{
			Kind: llm.InvalidRequest, Param: "group_by",
			Message: `group_by must be "day", "user", "model", "tag", "provider", "credential_type" or "api_key_name", and date_part "day" or "hour".`,
		}
	}
	g.By = by
	switch {
	case part == "hour":
		g.Per = generation.Hour
	case part == "day" || by == generation.ByNothing:
		g.Per = generation.Day
	}
	return g, nil
}

func day(query url.Values, name string, absent time.Time) (time.Time, *llm.Problem) {
	text := query.Get(name)
	if text == "" {
		return absent, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, &llm.Problem{Kind: llm.InvalidRequest, Param: name, Message: name + " must be a day such as 2026-01-31."}
	}
	return t, nil
}

// credits is what the budget that ends first still holds.
func (r *routing) credits(ctx context.Context) ([]byte, *llm.Problem) {
	b := r.s.books
	total, err := generation.Total(ctx, b.Reader, generation.Filter{View: r.whose()})
	if err != nil {
		return nil, recordsProblem(err)
	}
	subject := r.subject()
	accounts, err := b.Ledger.Accounts(&subject, "")
	if err != nil {
		return nil, recordsProblem(err)
	}
	balance, err := b.Ledger.Balance(ctx, accounts)
	if err != nil {
		return nil, recordsProblem(err)
	}
	left, limited := quota.Amount(0), false
	for _, s := range balance {
		if s.Unit == quota.Money && (!limited || s.Remaining < left) {
			left, limited = s.Remaining, true
		}
	}
	if !limited {
		return nil, &llm.Problem{Kind: llm.NotFound, Code: "no_budget", Message: "No budget in money holds for this key, so there is no balance."}
	}
	return generation.CreditsJSON(llm.NanoUSD(max(left, 0)), total.Cost), nil
}
