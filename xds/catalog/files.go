package catalog

import (
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Files says which of the files that a catalog names are looked at, by who
// opens them. Those of credentials are not among them.
type Files struct {
	// Envoy opens the listener's certificate and key and the providers'
	// authorities.
	Envoy bool
	// Own are the authorities of issuers and of Redis.
	Own bool
	// Records is the file that generations.jsonl names; it need not be there.
	Records bool
	// Elsewhere hears of files that cannot be opened here, which is no error
	// then: whoever opens them may be on another machine or another user. nil: it
	// is.
	Elsewhere func(Error)
}

// Verify tells whether the files can be read and hold what they should. Its
// error is Errors.
func (c *Catalog) Verify(which Files) error {
	r := newReport(c.source)
	c.verify(which, r)
	return r.err()
}

func (c *Catalog) verify(which Files, r *report) {
	type file struct {
		kind fileKind
		path string
	}
	looked := make(map[file]finding) // many providers may name one
	for i := range c.files {
		f := &c.files[i]
		if !which.has(f.kind) {
			continue
		}
		found, ok := looked[file{f.kind, f.path}]
		if !ok {
			found = c.inspect(f)
			looked[file{f.kind, f.path}] = found
		}
		switch {
		case found.wrong == "":
		case found.closed && which.Elsewhere != nil:
			which.Elsewhere(Error{File: r.file, Line: f.at.line, Col: f.at.col, Field: f.field, Message: found.wrong})
		default:
			r.failAt(f.at, f.field, found.wrong+"; "+found.right)
		}
	}
}

// finding is what is wrong with a file and what would be right; the zero finding:
// nothing is.
type finding struct {
	wrong, right string
	closed       bool // it could not be read
}

func (which Files) has(k fileKind) bool {
	switch k {
	case certificateFile, privateKeyFile, providersAuthorities:
		return which.Envoy
	case recordsFile:
		return which.Records
	default:
		return which.Own
	}
}

// fileKind is what a file is for.
type fileKind int

const (
	certificateFile fileKind = iota
	privateKeyFile
	providersAuthorities
	ownAuthorities
	recordsFile
)

// namedFile is a file that the source names.
type namedFile struct {
	kind  fileKind
	field string
	path  string
	at    place
}

func (c *Catalog) inspect(f *namedFile) finding {
	if f.kind == recordsFile {
		wrong, right := appendable(f.path)
		return finding{wrong: wrong, right: right}
	}
	text, err := readPEM(f.path)
	if err != nil {
		return finding{f.path + " cannot be read: " + err.Error(), "name a file with " + contents[f.kind] + ", as PEM; a path is relative to the catalog", true}
	}
	var wrong, right string
	if f.kind == privateKeyFile {
		if wrong, right = privateKey(text); wrong == "" {
			wrong, right = c.paired(text)
		}
	} else {
		wrong, right = certificates(text)
	}
	if wrong == "" {
		return finding{}
	}
	return finding{wrong: f.path + " " + wrong, right: right}
}

var contents = map[fileKind]string{
	certificateFile: "the certificate and those that it rests on", privateKeyFile: "the certificate's private key",
	providersAuthorities: "the certificates of authorities", ownAuthorities: "the certificates of authorities",
}

// paired tells whether a sound key is that of the listener's certificate. What is
// wrong with that is said of itself.
func (c *Catalog) paired(key []byte) (wrong, right string) {
	at := slices.IndexFunc(c.files, func(f namedFile) bool { return f.kind == certificateFile })
	if at < 0 {
		return "", ""
	}
	chain, err := readPEM(c.files[at].path)
	if err != nil {
		return "", ""
	}
	if wrong, _ := certificates(chain); wrong != "" {
		return "", ""
	}
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		return "is not the key of the certificate in " + c.files[at].path, "name the key that the certificate was made for; its own certificate is the first in its file"
	}
	return "", ""
}

// maxPEM is the largest file that is read, in bytes: several times the bundle of
// all public authorities.
const maxPEM = 4 << 20

// readPEM reads a regular file: opening a pipe would wait for a writer. The
// error does not name the file.
func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, plainly(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > maxPEM:
		return nil, errors.New("it is larger than " + inUnits(maxPEM))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainly(err)
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxPEM))
	return text, plainly(err)
}

// appendable tells whether lines can be added to a file, and makes nothing.
func appendable(path string) (wrong, right string) {
	const name = "name a file that this user may write to, in a directory that there is"
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return path + " is a directory", name
	case err == nil && info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return path + " cannot be written to: " + plainly(err).Error(), name
		}
		_ = f.Close() // nothing was written
		return "", ""
	case err == nil: // a pipe or a terminal, whose other side may come later
		return "", ""
	case !errors.Is(err, fs.ErrNotExist):
		return path + " cannot be written to: " + plainly(err).Error(), name
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case err != nil:
		return "the directory " + dir + " is needed: " + plainly(err).Error(), "make it, or name a file elsewhere"
	case !info.IsDir():
		return dir + " is not a directory", name
	}
	const writeAndSearch = 0x2 | 0x1 // access(2)
	if err := syscall.Access(dir, writeAndSearch); err != nil {
		return "no file can be made in " + dir + ": " + err.Error(), name
	}
	return "", ""
}

// plainly drops the path from the operating system's error.
func plainly(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
