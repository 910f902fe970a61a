package bedrock

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
)

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }

func (o *object) number(name string, f float64) {
	o.Key(name)
	o.B = strconv.AppendFloat(o.B, f, 'g', -1, 64)
}
