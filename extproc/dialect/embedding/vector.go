package embedding

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// vectorOf reads an embedding: an array of numbers, or base64 of little-endian
// float32. ok is false for anything else, and for what no float32 holds: nobody
// can compare such a vector.
func vectorOf(raw []byte) (v *llm.Vector, ok bool) {
	switch scan.KindOf(raw) {
	case scan.String:
		text, _ := scan.Text(raw)
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(data) == 0 || len(data)%4 != 0 || !finite(data) {
			return nil, false
		}
		return &llm.Vector{Base64: text}, true
	case scan.Array:
		if !numeric(raw) {
			return nil, false
		}
		return &llm.Vector{Numbers: members.Clone(raw)}, true
	}
	return nil, false
}

// numeric tells whether raw is an array of numbers that is not empty.
func numeric(raw []byte) bool {
	w := scan.Over(raw)
	some := false
	for ok := w.Array(); ok && w.Element(); {
		if w.Kind() != scan.Number {
			return false
		}
		if text := w.Value(); len(text) > surelySmall || bytes.ContainsAny(text, "eE") {
			if _, err := strconv.ParseFloat(string(text), 32); err != nil {
				return false
			}
		}
		some = true
	}
	return some && w.Err() == nil
}

// surelySmall is a length up to which a number without an exponent lies in the
// range of float32.
const surelySmall = 38

// finite tells whether all numbers are.
func finite(data []byte) bool {
	for i := 0; i < len(data); i += 4 {
		const exponent = 0x7F800000 // all ones: infinite or not a number
		if binary.LittleEndian.Uint32(data[i:])&exponent == exponent {
			return false
		}
	}
	return true
}

// appendBase64 appends a vector as a JSON string of base64.
func appendBase64(dst []byte, v *llm.Vector) []byte {
	if v.Numbers == nil {
		return scan.AppendQuoted(dst, v.Base64)
	}
	data := make([]byte, 0, len(v.Numbers)/2)
	w := scan.Over(v.Numbers)
	for ok := w.Array(); ok && w.Element(); {
		f, _ := strconv.ParseFloat(string(w.Value()), 32) // vectorOf has judged it
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(f)))
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), data)
	return append(dst, '"')
}

// appendNumbers appends a vector as a JSON array. Each float32 gets the shortest
// text that reads as the same float32.
func appendNumbers(dst []byte, v *llm.Vector) []byte {
	if v.Numbers != nil {
		return append(dst, v.Numbers...)
	}
	data, _ := base64.StdEncoding.DecodeString(v.Base64)
	dst = append(dst, '[')
	for i := 0; i+4 <= len(data); i += 4 {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := math.Float32frombits(binary.LittleEndian.Uint32(data[i:]))
		dst = strconv.AppendFloat(dst, float64(f), 'g', -1, 32)
	}
	return append(dst, ']')
}
