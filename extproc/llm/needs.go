package llm

import "strings"

// Needs is the set of abilities that a request needs of its target.
type Needs uint16

// Abilities.
const (
	NeedTools      Needs = 1 << iota
	NeedImages           // in the prompt
	NeedFiles            // in the prompt
	NeedAudio            // in the prompt
	NeedVideo            // in the prompt
	NeedJSON             // JSON without a schema
	NeedJSONSchema       // JSON of a schema
	NeedReasoning
	NeedAudioOut
	NeedImageOut
	NeedLogprobs
	NeedChoices // more than one choice
	NeedEmbeddings
	numNeeds = iota
)

var needNames = [numNeeds]string{
	"tools", "images", "files", "audio", "video", "json", "json schema", "reasoning", "audio output", "image output",
	"logprobs", "several choices", "embeddings",
}

// Has tells whether all of other are needed.
func (n Needs) Has(other Needs) bool { return n&other == other }

// Missing is what is needed and not among able.
func (n Needs) Missing(able Needs) Needs { return n &^ able }

// String names the abilities, joined with ", ".
func (n Needs) String() string {
	var names []string
	for i, name := range needNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Names are the abilities' names as configuration and lists write them, with _
// for a space.
func (n Needs) Names() []string {
	names := []string{}
	for i, name := range needNames {
		if n&(1<<i) != 0 {
			names = append(names, strings.ReplaceAll(name, " ", "_"))
		}
	}
	return names
}

// AllNeeds are all abilities.
const AllNeeds Needs = 1<<numNeeds - 1

// NeedNamed is the ability of a name that Names writes.
func NeedNamed(name string) (Needs, bool) {
	for i := range needNames {
		if strings.ReplaceAll(needNames[i], " ", "_") == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// Needs tells what the request needs, as far as the neutral model knows.
func (r *Request) Needs() Needs {
	var n Needs
	if r.Embed != nil {
		n |= NeedEmbeddings
	}
	if len(r.Tools) > 0 {
		n |= NeedTools
	}
	for i := range r.Messages {
		n |= partNeeds(r.Messages[i].Parts)
	}
	switch r.Format.Kind {
	case FormatJSON:
		n |= NeedJSON
	case FormatJSONSchema:
		n |= NeedJSONSchema
	}
	if r.Reasoning.Wanted() {
		n |= NeedReasoning
	}
	if r.Logprobs.Or(false) {
		n |= NeedLogprobs
	}
	if r.N.Or(1) > 1 {
		n |= NeedChoices
	}
	return n
}

func partNeeds(parts []Part) Needs {
	var n Needs
	for i := range parts {
		switch p := &parts[i]; p.Kind {
		case Image:
			n |= NeedImages
		case File:
			n |= NeedFiles
		case Audio:
			n |= NeedAudio
		case Result:
			n |= partNeeds(p.Result.Parts)
		}
	}
	return n
}
