package rows

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// text writes a statement's arguments as the database wants them. Question
// marks stand for nothing else here.
func (t *Table) text(statement string) string {
	if !t.Dialect.Numbered {
		return statement
	}
	var b strings.Builder
	n := 0
	for _, c := range []byte(statement) {
		if c != '?' {
			b.WriteByte(c)
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// conditions are joined by AND.
type conditions struct {
	all  []string
	args []any
}

func (q *conditions) add(condition string, args ...any) {
	q.all = append(q.all, condition)
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			arg = plain(text)
		}
		q.args = append(q.args, arg)
	}
}

// plain takes out what PostgreSQL refuses in text. No record has it either.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

func (q *conditions) equal(column, value string) {
	if value != "" {
		q.add(column+" = ?", value)
	}
}

func (q *conditions) where() string {
	if len(q.all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.all, " AND ")
}

// view is generation.View.Sees in SQL.
func (q *conditions) view(v generation.View) {
	switch {
	case v.All:
	case !v.ByKey() && v.Tenant == "":
		q.add("1 = 0")
	default:
		if v.ByKey() {
			q.add("key_name = ? AND key_id = ?", v.Key, v.KeyID)
		}
		q.equal("tenant", v.Tenant)
	}
}

func (t *Table) filter(f generation.Filter) conditions {
	var q conditions
	q.view(f.View)
	if !f.From.IsZero() {
		q.add("started >= ?", f.From.UnixNano())
	}
	if !f.To.IsZero() {
		q.add("started < ?", f.To.UnixNano())
	}
	q.equal("key_name", f.OfKey)
	q.equal("tenant", f.OfTenant)
	q.equal("model", f.Model)
	q.equal("provider", f.Provider)
	q.equal("end_user", f.User)
	if f.Status != 0 {
		q.add("status = ?", f.Status)
	}
	if f.Failed {
		q.add("error <> ''")
	}
	if own, ok := f.Own.Get(); ok {
		q.add("own = ?", own)
	}
	if len(f.Tags) > 0 {
		each, args := make([]string, len(f.Tags)), make([]any, len(f.Tags))
		for i, tag := range f.Tags {
			each[i], args[i] = t.Dialect.HasTag, t.Dialect.TagArgument(plain(tag))
		}
		join := " OR "
		if f.EachTag {
			join = " AND "
		}
		q.add("("+strings.Join(each, join)+")", args...)
	}
	return q
}

// summed are the columns of generation.Sums that can grow beyond 64 bits. Each
// is summed in whole billions and in what is left of them.
var summed = []string{"cost", "market", "input", "output", "cache_read", "cache_write", "reasoning"}

const billion = 1_000_000_000

// joined is a sum of billions and what is left, or the most there is.
func joined(billions, rest int64) int64 {
	billions += rest / billion
	rest %= billion
	if billions > (math.MaxInt64-rest)/billion {
		return math.MaxInt64
	}
	return billions*billion + rest
}

// value is what a dimension is called in the table.
var value = map[generation.Dimension]string{
	generation.ByNothing:    "''",
	generation.ByModel:      "model",
	generation.ByProvider:   "provider",
	generation.ByKey:        "key_name",
	generation.ByTenant:     "tenant",
	generation.ByTag:        "COALESCE(tag.value, '')",
	generation.ByUser:       "end_user",
	generation.ByCredential: "CASE WHEN own THEN 'byok' ELSE 'system' END",
}

// Report sums up by group.
func (t *Table) Report(ctx context.Context, f generation.Filter, g generation.Grouping) ([]generation.Row, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	// Times are counted in whole steps since 1970, which is UTC's days and hours.
	step := "0"
	if g.Per > 0 {
		step = "started / " + strconv.FormatInt(int64(g.Per), 10)
	}
	choice := []string{
		value[g.By] + " AS grouped", step + " AS step", "COUNT(*)", "COALESCE(SUM(CASE WHEN error <> '' THEN 1 ELSE 0 END), 0)",
		"COALESCE(SUM(CASE WHEN priced THEN 0 ELSE 1 END), 0)", "COALESCE(SUM(CASE WHEN estimated THEN 1 ELSE 0 END), 0)",
	}
	for _, c := range summed {
		choice = append(choice, "CAST(COALESCE(SUM("+c+" / 1000000000), 0) AS BIGINT)", "CAST(COALESCE(SUM("+c+" % 1000000000), 0) AS BIGINT)")
	}
	q := t.filter(f)
	text := "SELECT " + strings.Join(choice, ", ") + " FROM gen_records"
	if g.By == generation.ByTag {
		text += t.Dialect.EachTag
	}
	text += q.where()
	if g != (generation.Grouping{}) {
		// The order only decides what stays within the limit.
		text += " GROUP BY 1, 2 ORDER BY step DESC, SUM(cost * 1.0) DESC, COUNT(*) DESC LIMIT " + strconv.Itoa(generation.MaxRows)
	}
	found, err := t.Read.QueryContext(ctx, t.text(text), q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // Err has told what there is to tell
	rows := []generation.Row{}
	for found.Next() {
		row, err := scan(found, g.Per)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	generation.SortRows(rows)
	return rows, found.Err()
}

func scan(from *sql.Rows, per time.Duration) (row generation.Row, err error) {
	var (
		grouped sql.NullString
		step    int64
		halves  [2 * 7]int64
	)
	into := []any{&grouped, &step, &row.Requests, &row.Failed, &row.Unpriced, &row.Estimated}
	for i := range halves {
		into = append(into, &halves[i])
	}
	if err := from.Scan(into...); err != nil {
		return row, err
	}
	row.Value = grouped.String
	if per > 0 {
		row.Time = time.Unix(0, 0).UTC().Add(time.Duration(step) * per)
	}
	sum := func(i int) int64 { return joined(halves[2*i], halves[2*i+1]) }
	row.Cost, row.Market = llm.NanoUSD(sum(0)), llm.NanoUSD(sum(1))
	row.Input, row.Output = llm.Tokens(sum(2)), llm.Tokens(sum(3))
	row.CacheRead, row.CacheWrite, row.Reasoning = llm.Tokens(sum(4)), llm.Tokens(sum(5)), llm.Tokens(sum(6))
	return row, nil
}
