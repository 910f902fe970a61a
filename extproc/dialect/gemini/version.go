package gemini

import (
	"strconv"
	"strings"
)

// version is the generation of a model in tenths, read from its id
// ("gemini-2.5-pro" is 25, "publishers/google/models/gemini-3-flash-preview"
// 30); 0 = the id does not tell.
func version(id string) int {
	id = id[strings.LastIndexByte(id, '/')+1:]
	rest, ok := strings.CutPrefix(id, "gemini-")
	if !ok {
		return 0
	}
	if strings.HasSuffix(rest, "-latest") {
		return latest
	}
	number, _, _ := strings.Cut(rest, "-")
	number, _, _ = strings.Cut(number, "@")
	major, minor, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(major)
	if err != nil || n < 0 || n > 99 {
		return 0
	}
	m, _ := strconv.Atoi(minor)
	return n*10 + min(max(m, 0), 9)
}

// Generations that differ in what they take.
const (
	since25 = 25 // thinkingBudget; JSON Schema instead of the OpenAPI subset
	since3  = 30 // thinkingLevel; signatures are demanded; media in results
	latest  = 31 // what aliases such as gemini-flash-latest stand for, at least
)

// knowsJSONSchema tells whether a model takes whole JSON Schemas. Ids that do
// not tell belong to models that the vendor serves today.
func knowsJSONSchema(id string) bool { v := version(id); return v == 0 || v >= since25 }
