package table_test

import (
	"reflect"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

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
		v := reflect.ValueOf(*c)
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Func && f.IsNil() {
				t.Errorf("%s: %s is missing", d, v.Type().Field(i).Name)
			}
		}
	}
	if table.Codec(llm.Dialect("morse")) != nil {
		t.Error("an unknown dialect has a codec")
	}
}
