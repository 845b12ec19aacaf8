package tc3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	envProfile     = "TENCENTCLOUD_CREDENTIALS_FILE"
	profileSection = "default"
	// profileLimit limits what is read, since the file may be of any kind.
	profileLimit = 1 << 20
)

// A Profile is a Source that reads the credentials file of the official SDK, in INI
// format:
//
//	[default]
//	secret_id = AKIDEXAMPLE
//	secret_key = …
//
// The section may also have a token, which the SDK does not read. The file is read for
// each call; put the Profile into a [Refreshing] to read it once.
type Profile struct {
	// Path is the path of the file. "" means the value of the environment variable
	// TENCENTCLOUD_CREDENTIALS_FILE or, if that is not set, .tencentcloud/credentials
	// in the home directory. If this last file does not exist, the error is
	// ErrNoCredentials; for any other path it is an error that ends a Chain.
	Path string
	// Section is the section of the file; "" means "default".
	Section string
}

// Credentials reads the file. No error contains a part of it.
func (p Profile) Credentials(context.Context) (Credentials, error) {
	path, required, err := p.path()
	if err != nil {
		return Credentials{}, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return Credentials{}, fmt.Errorf("%w in a profile: no file %s", ErrNoCredentials, path)
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("tcretry: tc3: profile: %w", err)
	}
	defer file.Close() // read only: closing has nothing to report
	section := p.Section
	if section == "" {
		section = profileSection
	}
	c, err := parseProfile(file, section)
	if err != nil {
		return Credentials{}, fmt.Errorf("tcretry: tc3: profile %s: %w", path, err)
	}
	return c, nil
}

// path returns the path of the file, and whether the file must exist.
func (p Profile) path() (path string, required bool, err error) {
	if p.Path != "" {
		return p.Path, true, nil
	}
	if path, ok := os.LookupEnv(envProfile); ok {
		if path == "" {
			return "", true, fmt.Errorf("tcretry: tc3: %s is empty", envProfile)
		}
		return path, true, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false, fmt.Errorf("%w in a profile: %w", ErrNoCredentials, err)
	}
	return filepath.Join(home, ".tencentcloud", "credentials"), false, nil
}

// parseProfile reads one section. A value is the rest of its line: like the SDK's own
// reader, it supports neither quotes nor comments after a value, and a key may contain
// any character.
func parseProfile(r io.Reader, section string) (Credentials, error) {
	var c Credentials
	fields := map[string]*string{"secret_id": &c.SecretID, "secret_key": &c.SecretKey, "token": &c.Token}
	current := ""
	lines := bufio.NewScanner(io.LimitReader(r, profileLimit))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			if len(line) < 3 || line[len(line)-1] != ']' {
				return Credentials{}, fmt.Errorf("line %d is not a section", n)
			}
			current = strings.TrimSpace(line[1 : len(line)-1])
		case current == section:
			key, value, _ := strings.Cut(line, "=")
			if field := fields[strings.TrimSpace(key)]; field != nil {
				*field = strings.TrimSpace(value)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return Credentials{}, err
	}
	if c.SecretID == "" || c.SecretKey == "" {
		return Credentials{}, fmt.Errorf("section %q lacks secret_id or secret_key", section)
	}
	return c, nil
}
