package generation

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// cleaned is the record as stores keep it: text within its bounds and without
// what PostgreSQL has no place for (a zero byte, broken UTF-8), contents only if
// they are wanted. The record itself stays as it is.
func cleaned(r *Record, contents bool) *Record {
	c := *r
	for _, s := range []*string{
		&c.Key, &c.KeyID, &c.Tenant, &c.User, &c.Surface, &c.Model, &c.Served, &c.Provider, &c.TargetID, &c.Lane, &c.Finish, &c.Error,
	} {
		*s = clean(*s, MaxText)
	}
	if len(c.Tags) > 0 {
		c.Tags = make([]string, 0, len(r.Tags))
		for _, tag := range r.Tags[:min(len(r.Tags), maxTags)] {
			if tag = clean(tag, MaxText); !slices.Contains(c.Tags, tag) {
				c.Tags = append(c.Tags, tag) // each counts once
			}
		}
	}
	c.Usage.Extra = nil // a vendor's own words, without bound
	if n := len(c.Attempts); n > 0 {
		// The last ones say how it ended.
		c.Attempts = append([]Attempt(nil), r.Attempts[max(0, n-maxAttempts):]...)
		for i := range c.Attempts {
			a := &c.Attempts[i]
			a.Provider, a.Model, a.Reason = clean(a.Provider, MaxText), clean(a.Model, MaxText), clean(a.Reason, MaxText)
			a.Usage.Extra = nil
		}
	}
	if c.Contents = nil; contents && r.Contents != nil {
		c.Contents = &Contents{
			Request: clean(r.Contents.Request, MaxContents), Answer: clean(r.Contents.Answer, MaxContents),
			Cut: r.Contents.Cut || len(r.Contents.Request) > MaxContents || len(r.Contents.Answer) > MaxContents,
		}
	}
	return &c
}

// clean cuts a text to most bytes and takes out what is no text.
func clean(s string, most int) string {
	s = cut(s, most)
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return cut(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""), most)
}

// cut never leaves a part of a rune at the end.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for range utf8.UTFMax - 1 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}
