package embedding

import "github.com/dragoman-gateway/dragoman/extproc/dialect/members"

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }
