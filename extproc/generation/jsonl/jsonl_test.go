package jsonl_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/generation/jsonl"
)

func export(t *testing.T, f *jsonl.File, records ...*generation.Record) {
	t.Helper()
	if err := f.Export(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) (list []*generation.Record) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r := &generation.Record{}
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		list = append(list, r)
	}
	return list
}

func TestEveryRecordIsALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.jsonl")
	want := append(generationtest.Some(1, 20), generationtest.Full())
	for _, part := range [][]*generation.Record{want[:7], want[7:]} { // as two runs of a program
		f, err := jsonl.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		export(t, f, part...)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAFileThatIsMovedAwayIsMadeAnew(t *testing.T) {
	records := generationtest.Some(1, 4)
	for name, rotate := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
		"renamed and made again": func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "g.jsonl")
			f, err := jsonl.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			export(t, f, records[0])
			if err := rotate(path); err != nil {
				t.Fatal(err)
			}
			export(t, f, records[1:3]...)
			export(t, f, records[3])
			if diff := cmp.Diff(records[:1], read(t, path+".1")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(records[1:], read(t, path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADirectoryThatIsGoneIsAnErrorUntilItIsBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "g.jsonl")
	f, err := jsonl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	records := generationtest.Some(1, 2)
	if err := f.Export(t.Context(), records[:1]); err == nil {
		t.Error("written into a directory that is gone")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	export(t, f, records[1])
	if diff := cmp.Diff(records[1:], read(t, path)); diff != "" {
		t.Error(diff)
	}
	if _, err := jsonl.Open(filepath.Join(dir, "no", "g.jsonl")); err == nil {
		t.Error("a path that cannot be written is taken")
	}
}

// A full disk takes a part of a line; the limit on a file's size does the same.
func TestALineThatBrokeOffSpoilsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.jsonl")
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	f, err := jsonl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	records := generationtest.Some(1, 3)
	export(t, f, records[0])
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	small := old
	small.Cur = uint64(info.Size()) + 40
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err = f.Export(t.Context(), records[1:2])
	if reset := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); reset != nil {
		t.Fatal(reset)
	}
	if err == nil {
		t.Fatal("a line that broke off is no error")
	}
	export(t, f, records[2])
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	last := &generation.Record{}
	if err := json.Unmarshal(lines[len(lines)-1], last); len(lines) != 3 || err != nil || last.ID != records[2].ID {
		t.Errorf("%d lines, the last: %s, %v", len(lines), lines[len(lines)-1], err)
	}
}
