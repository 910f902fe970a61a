package bench

import (
	"bytes"
	"fmt"
	"html"
)

// chart draws the rows as bars relative to their own bar, so that all fit one
// scale: full width is twice the bar, a line marks the bar and a dot the
// stretch.
func (r *report) chart() []byte {
	const (
		left, width, height = 430, 400, 26
		unit                = width / 2.0
	)
	colours := map[string]string{"stretch": "#2e7d32", "bar": "#f9a825", "MISS": "#c62828"}
	var b bytes.Buffer
	tall := (len(r.Rows)+2)*height + 10
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", left+width+130, tall)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="8" y="18" fill="#555">%s</text>`+"\n", html.EscapeString(r.Machine))
	for i := range r.Rows {
		l := &r.Rows[i]
		y := (i+1)*height + 10
		long := min(max(l.Judged/l.Bar, 0)*unit, width)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+13, html.EscapeString(l.Work))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="16" fill="%s"/>`, left, y, long, colours[l.Verdict])
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%d" r="3" fill="black"/>`, left+l.Stretch/l.Bar*unit, y+8)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%.2f %s</text>`+"\n", left+long+6, y+13, l.Judged, l.In)
	}
	fmt.Fprintf(&b, `<line x1="%.1f" y1="30" x2="%.1f" y2="%d" stroke="black"/><text x="%.1f" y="%d" text-anchor="middle">bar</text>`+"\n</svg>\n",
		left+unit, left+unit, tall-height, left+unit, tall-8)
	return b.Bytes()
}
