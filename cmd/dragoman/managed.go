package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// managed is the admin API of a process's ext_proc.
func managed(server *extproc.Server, served func() *catalog.Catalog, log *slog.Logger) *admin.API {
	records := pastRecords{server.Generations()}
	return &admin.API{Directory: server.Directory(), Catalog: served, Usage: records, Generations: records, Logger: log}
}

// adminSecret is the token of the environment, else the state directory's.
func adminSecret(state string, in surroundings) (token credential.Secret, fromEnv bool, err error) {
	if value, ok := in.streams.env(adminToken); ok && value != "" {
		if token, err = admin.ParseToken(value); err != nil {
			err = fmt.Errorf("$%s: %w; openssl rand -hex 16 gives one", adminToken, err)
		}
		return token, true, err
	}
	if state == "" {
		return credential.Secret{}, false, nil
	}
	token, _, err = admin.StateToken(state)
	return token, false, err
}

// pastRecords answers the admin API's questions from what is recorded.
type pastRecords struct{ generation.Reader }

func filterOf(q *admin.Query) generation.Filter {
	f := generation.Filter{
		View: generation.View{All: true}, From: q.From, To: q.To,
		OfKey: q.Key, OfTenant: q.Tenant, Model: q.Model, Provider: q.Provider,
	}
	if q.Tag != "" {
		f.Tags = []string{q.Tag}
	}
	return f
}

// Usage sums by a dimension, "day" or "hour".
func (r pastRecords) Usage(ctx context.Context, q admin.Query) (p admin.Page, err error) {
	g := generation.Grouping{By: generation.Dimension(q.By)}
	switch q.By {
	case "day":
		g = generation.Grouping{Per: generation.Day}
	case "hour":
		g = generation.Grouping{Per: generation.Hour}
	}
	if g.Check() != nil {
		return p, &admin.QueryError{Param: "by", Message: "is none of day, hour, model, provider, key, tenant, tag, user and credential"}
	}
	rows, err := r.Report(ctx, filterOf(&q), g)
	if err != nil {
		return p, err
	}
	for i := range rows {
		row := struct {
			Value string          `json:"value,omitempty"`
			Time  string          `json:"time,omitempty"`
			Sums  json.RawMessage `json:"sums"`
		}{Value: rows[i].Value, Sums: generation.SumsJSON(rows[i].Sums)}
		if !rows[i].Time.IsZero() {
			row.Time = rows[i].Time.Format(time.RFC3339)
		}
		text, err := json.Marshal(row)
		if err != nil {
			return p, err
		}
		p.Data = append(p.Data, text)
	}
	return p, nil
}

// Generations lists records, the latest first.
func (r pastRecords) Generations(ctx context.Context, q admin.Query) (p admin.Page, err error) {
	page := generation.Page{Limit: q.Limit}
	if q.After != "" {
		if page.After, err = generation.ParsePosition(q.After); err != nil {
			return p, &admin.QueryError{Param: "after", Message: err.Error()}
		}
	}
	records, err := r.List(ctx, filterOf(&q), page)
	if err != nil {
		return p, err
	}
	for _, record := range records {
		text, err := json.Marshal(record)
		if err != nil {
			return p, err
		}
		p.Data = append(p.Data, text)
	}
	if n := len(records); n > 0 && n == q.Limit {
		p.Next = records[n-1].Position().String()
	}
	return p, nil
}
