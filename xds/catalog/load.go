package catalog

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Load reads and parses a file. Relative names of files in it are relative to
// its directory.
func Load(path string, env func(string) (string, bool)) (*Catalog, error) {
	data, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return parseFile(path, data, Source{Env: env})
}

// LoadKeyless is Load for a process that needs no credentials: Source.Keyless.
func LoadKeyless(path string, env func(string) (string, bool)) (*Catalog, error) {
	data, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return parseFile(path, data, Source{Env: env, Keyless: true})
}

// parseFile makes names of files in the catalog absolute: Envoy, which opens
// some of them, may run in another directory.
func parseFile(path string, data []byte, as Source) (*Catalog, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	as.Name, as.Data, as.Dir = path, data, filepath.Dir(absolute)
	return Parse(as)
}

// readSource refuses what is no regular file: reading a pipe might never end.
func readSource(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("catalog: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	defer func() { _ = f.Close() }()                        // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1)) // one more, so that Parse sees it is too large
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return data, nil
}

// watched is a file and what was last seen in it.
type watched struct {
	path string
	as   Source            // what of it is not the file's
	good *Catalog          // the last that parsed, whether anybody could use it or not
	seen [sha256.Size]byte // of the content, good or bad
	err  string            // of the last attempt to read, "" if it could be read
}

// load reads the file again. Both results are nil if there is nothing new to
// say: the content is the last one seen, or that of the last catalog returned.
// With forced, an error is repeated.
func (f *watched) load(forced bool) (*Catalog, error) {
	data, err := readSource(f.path)
	if err != nil {
		known := f.err == err.Error()
		f.err, f.seen = err.Error(), [sha256.Size]byte{}
		if known && !forced {
			return nil, nil
		}
		return nil, err
	}
	f.err = ""
	sum := sha256.Sum256(data)
	if sum == f.seen && !forced {
		return nil, nil
	}
	f.seen = sum
	if f.good != nil && f.good.Version == versionOf(sum) {
		return nil, nil
	}
	c, err := parseFile(f.path, data, f.as)
	if err != nil {
		return nil, err
	}
	f.good = c
	return c, nil
}
