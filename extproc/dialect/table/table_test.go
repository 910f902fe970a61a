package table_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// streaming are the functions that an operation without streams leaves nil.
var streaming = []string{"NewProbe", "NewReader", "NewWriter", "EncodeStreamError"}

func TestEveryCodecIsCompleteAndStandsUnderItsName(t *testing.T) {
	dialects := table.Dialects()
	if len(dialects) == 0 {
		t.Fatal("the table is empty")
	}
	for _, d := range dialects {
		c := table.Codec(d)
		if c.Name != d {
			t.Errorf("%s stands under %s", c.Name, d)
		}
		halves := []any{c.Wire}
		if c.Scan != nil {
			halves = append(halves, c.Surface)
		}
		for _, half := range halves {
			v := reflect.ValueOf(half)
			for i := range v.NumField() {
				name := v.Type().Field(i).Name
				if f := v.Field(i); f.Kind() == reflect.Func && f.IsNil() && name != "Fetches" &&
					(c.NewReader != nil || !slices.Contains(streaming, name)) && (c.Scan != nil || name != "Patch") {
					t.Errorf("%s: %s is missing", d, name)
				}
			}
		}
	}
	if table.Codec(llm.Dialect("morse")) != nil {
		t.Error("an unknown dialect has a codec")
	}
}
