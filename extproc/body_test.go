package extproc

import (
	"bytes"
	"testing"
)

func TestALengthTakesNoMemoryUntilItsBytesAreHere(t *testing.T) {
	t.Parallel()
	for name, claimed := range map[string]int64{"unknown": -1, "too small": 10, "right": 12 << 20, "a lie": 1 << 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := intake{claimed: claimed}
			grown := 0
			var want []byte
			for n := 1; len(want) < 12<<20; n = min(2*n, 16<<10, 12<<20-len(want)) {
				room := cap(in.bytes)
				in.grow(n)
				if cap(in.bytes) != room {
					grown++
				}
				piece := bytes.Repeat([]byte{byte(len(want))}, n)
				want, in.bytes = append(want, piece...), append(in.bytes, piece...)
				if most := max(4*len(in.bytes), 1024); cap(in.bytes) > most {
					t.Fatalf("room for %d after %d bytes", cap(in.bytes), len(in.bytes))
				}
			}
			if !bytes.Equal(in.bytes, want) {
				t.Error("it holds something else")
			}
			if most := map[bool]int{true: 14, false: 64}[claimed > 1<<20]; grown > most {
				t.Errorf("it was copied %d times", grown)
			}
			if claimed == 12<<20 && cap(in.bytes) != 12<<20 {
				t.Errorf("room for %d in the end", cap(in.bytes))
			}
		})
	}
}
