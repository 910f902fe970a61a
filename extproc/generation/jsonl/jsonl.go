// Package jsonl appends generations to a file, one JSON object a line: the form
// of generation.Record.MarshalJSON.
//
// Promises: a line is written whole or, after a full disk, ended by the next
// one; a file that was renamed or deleted meanwhile is made anew (as log
// rotation expects). Refuses to wait for the disk:
// what is written survives this process, not a power loss.
//
// Concurrency: a File is used by one goroutine at a time, as generation.Writer
// does.
package jsonl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// File is an exporter.
type File struct {
	path string
	file *os.File
	torn bool // the last line has no end
}

var _ generation.Exporter = (*File)(nil)

// Open opens the file, so that a path that cannot be written is an error at
// once.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	// Who may read what was asked is the operator's to widen.
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("the file of generations: %w", err)
	}
	f.file = file
	return nil
}

// Export appends records.
func (f *File) Export(_ context.Context, records []*generation.Record) error {
	if err := f.renew(); err != nil {
		return err
	}
	var lines bytes.Buffer
	if f.torn {
		lines.WriteByte('\n')
	}
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines.Write(line)
		lines.WriteByte('\n')
	}
	n, err := f.file.Write(lines.Bytes())
	if n > 0 {
		f.torn = lines.Bytes()[n-1] != '\n'
	}
	return err
}

// renew opens the path anew if what is open no longer is there.
func (f *File) renew() error {
	again := f.file == nil
	if !again {
		now, err := os.Stat(f.path)
		open, openErr := f.file.Stat()
		again = err != nil || openErr != nil || !os.SameFile(now, open)
	}
	if !again {
		return nil
	}
	if err := f.Close(); err != nil {
		return err
	}
	return f.open()
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file, f.torn = nil, false
	return err
}
