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
	// profileLimit bounds what is read of a file that may be anything.
	profileLimit = 1 << 20
)

// Profile is a source that reads a credentials file as the official SDK has
// it, in INI form:
//
//	[default]
//	secret_id = AKIDEXAMPLE
//	secret_key = …
//
// A token may stand beside them, which the SDK does not read. The file is read
// each time; put the Profile in a [Refreshing] to read it once.
type Profile struct {
	// Path is the file. "" means what TENCENTCLOUD_CREDENTIALS_FILE says, or
	// else .tencentcloud/credentials in the home directory. Only that last one
	// may be missing, which is ErrNoCredentials.
	Path string
	// Section is the section of the file; "" means "default".
	Section string
}

// Credentials reads the file. No error holds a part of its contents.
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

// path returns the file to read and whether its absence is a mistake.
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

// parseProfile reads one section. Values are taken as they stand, without
// quotes or comments at the end of a line, because the SDK's own reader knows
// neither and a key may hold any character.
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
