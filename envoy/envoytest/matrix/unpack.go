package matrix

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
)

// unpack reads a vector that is a JSON string: base64 of little-endian 32-bit
// floats.
func unpack(raw string) ([]float64, error) {
	var text string
	if err := json.Unmarshal([]byte(raw), &text); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(data)%4 != 0 {
		return nil, errors.New("a vector ends within a number")
	}
	out := make([]float64, len(data)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}
	return out, nil
}

// decode reads what a driver itself has encoded.
func decode(raw json.RawMessage, to any) error { return json.Unmarshal(raw, to) }
