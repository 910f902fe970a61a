package bedrock

import "strconv"

// place is where something stands in the request, for dropped: a part of a
// message or of a tool's result in it, or a tool.
type place struct {
	message, part, inner int // inner -1 = the part itself
	tool                 bool
}

func (p place) path() string {
	switch {
	case p.tool:
		return "tools." + strconv.Itoa(p.part)
	case p.inner < 0:
		return "messages." + strconv.Itoa(p.message) + ".content." + strconv.Itoa(p.part)
	}
	return "messages." + strconv.Itoa(p.message) + ".content." + strconv.Itoa(p.part) + ".content." + strconv.Itoa(p.inner)
}

func (p place) member(name string) string { return p.path() + "." + name }
