package resource

import (
	"bytes"
	"encoding/json"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// YAML writes a message as an operator writes Envoy's configuration. The same
// message gives the same bytes.
func YAML(m proto.Message) ([]byte, error) {
	j, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// protojson puts white space in at random.
	var stable bytes.Buffer
	if err := json.Compact(&stable, j); err != nil {
		return nil, err
	}
	y, err := yaml.JSONToYAML(stable.Bytes())
	return bytes.TrimLeft(y, "\n"), err
}
