package tc3_test

import (
	"context"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// clearEnv gives the test an environment and a home without credentials.
func clearEnv(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for _, name := range []string{
		"TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN",
		"TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_CREDENTIALS_FILE",
	} {
		t.Setenv(name, "") // restores it afterwards
		require.NoError(t, os.Unsetenv(name))
	}
	return home
}

func get(s tc3.Source) (tc3.Credentials, error) { return s.Credentials(context.Background()) }

func TestEnvReadsTheVariablesOfTheSDKAndATokenOfTheOtherTools(t *testing.T) {
	rows := []struct {
		name string
		vars map[string]string
		want tc3.Credentials
		err  string
	}{
		{"permanent", map[string]string{"SECRET_ID": "a", "SECRET_KEY": "b"}, tc3.Credentials{SecretID: "a", SecretKey: "b"}, ""},
		{"white space", map[string]string{"SECRET_ID": " a\n", "SECRET_KEY": "b\r\n"}, tc3.Credentials{SecretID: "a", SecretKey: "b"}, ""},
		{"token", map[string]string{"SECRET_ID": "a", "SECRET_KEY": "b", "TOKEN": "c", "SECURITY_TOKEN": "d"}, tc3.Credentials{SecretID: "a", SecretKey: "b", Token: "c"}, ""},
		{"other token", map[string]string{"SECRET_ID": "a", "SECRET_KEY": "b", "SECURITY_TOKEN": "d"}, tc3.Credentials{SecretID: "a", SecretKey: "b", Token: "d"}, ""},
		{"no key", map[string]string{"SECRET_ID": "a"}, tc3.Credentials{}, "tcretry: tc3: TENCENTCLOUD_SECRET_ID is set and TENCENTCLOUD_SECRET_KEY is not"},
		{"no id", map[string]string{"SECRET_KEY": "b"}, tc3.Credentials{}, "tcretry: tc3: TENCENTCLOUD_SECRET_KEY is set and TENCENTCLOUD_SECRET_ID is not"},
		{"nothing", map[string]string{"TOKEN": "c"}, tc3.Credentials{}, "tcretry: tc3: no credentials in the environment"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			clearEnv(t)
			for name, value := range row.vars {
				t.Setenv("TENCENTCLOUD_"+name, value)
			}
			got, err := get(tc3.Env())
			require.Equal(t, row.want, got)
			if row.err == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, row.err)
			if row.name == "nothing" {
				require.ErrorIs(t, err, tc3.ErrNoCredentials)
			} else {
				require.NotErrorIs(t, err, tc3.ErrNoCredentials)
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestProfileReadsTheSectionOfTheFile(t *testing.T) {
	const both = "\ufeff# a comment\nsecret_id = global\n[default]\r\nsecret_id = a \r\nsecret_key = b=c;d#e \r\n; another\n[ other ]\nsecret_id=o\nsecret_key=p\ntoken=q\nunknown\n"
	rows := []struct {
		name, text, section string
		want                tc3.Credentials
		err                 string
	}{
		{"default", both, "", tc3.Credentials{SecretID: "a", SecretKey: "b=c;d#e"}, ""},
		{"other with token", both, "other", tc3.Credentials{SecretID: "o", SecretKey: "p", Token: "q"}, ""},
		{"missing section", both, "third", tc3.Credentials{}, `section "third" lacks secret_id or secret_key`},
		{"missing key", "[default]\nsecret_id=a\n", "", tc3.Credentials{}, `section "default" lacks secret_id or secret_key`},
		{"no section", "[default]\n[oops KEYKEYKEY\n", "", tc3.Credentials{}, "line 2 is not a section"},
		{"empty section", "[]", "", tc3.Credentials{}, "line 1 is not a section"},
		{"empty", "", "", tc3.Credentials{}, `section "default" lacks secret_id or secret_key`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "credentials"), row.text)
			got, err := get(tc3.Profile{Path: path, Section: row.section})
			require.Equal(t, row.want, got)
			if row.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, "tcretry: tc3: profile "+path+": "+row.err)
			}
		})
	}
}

func TestProfileLooksWhereTheSDKLooks(t *testing.T) {
	home := clearEnv(t)
	_, err := get(tc3.Profile{})
	require.ErrorIs(t, err, tc3.ErrNoCredentials)

	writeFile(t, filepath.Join(home, ".tencentcloud", "credentials"), "[default]\nsecret_id=home\nsecret_key=k")
	got, err := get(tc3.Profile{})
	require.NoError(t, err)
	require.Equal(t, "home", got.SecretID)

	t.Setenv("TENCENTCLOUD_CREDENTIALS_FILE", writeFile(t, filepath.Join(home, "named"), "[default]\nsecret_id=named\nsecret_key=k"))
	got, err = get(tc3.Profile{})
	require.NoError(t, err)
	require.Equal(t, "named", got.SecretID)
}

// A file with a path that does not exist is an error, not an
// invitation to use another key.
func TestAMissingProfileWithAPathIsAnError(t *testing.T) {
	clearEnv(t)
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := get(tc3.Profile{Path: missing})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, tc3.ErrNoCredentials)
	t.Setenv("TENCENTCLOUD_CREDENTIALS_FILE", missing)
	_, err = get(tc3.Profile{})
	require.ErrorIs(t, err, os.ErrNotExist)
	t.Setenv("TENCENTCLOUD_CREDENTIALS_FILE", "")
	_, err = get(tc3.Profile{})
	require.EqualError(t, err, "tcretry: tc3: TENCENTCLOUD_CREDENTIALS_FILE is empty")
}

func TestChain_returnsTheFirstCredentialsAndStopsAtAnError(t *testing.T) {
	none := tc3.SourceFunc(func(context.Context) (tc3.Credentials, error) { return tc3.Credentials{}, tc3.ErrNoCredentials })
	got, err := get(tc3.Chain{none, tc3.Static(keyA), tc3.Static(temp)})
	require.NoError(t, err)
	require.Equal(t, keyA, got)

	_, err = get(tc3.Chain{none, failing{}, tc3.Static(keyA)})
	require.ErrorIs(t, err, errBroken)

	_, err = get(tc3.Chain{none, none})
	require.ErrorIs(t, err, tc3.ErrNoCredentials)
	require.EqualError(t, err, "tcretry: tc3: no credentials in any of 2 sources")
}

func TestDefaultCredentials_areTheEnvironmentThenTheProfile(t *testing.T) {
	home := clearEnv(t)
	_, err := get(tc3.DefaultCredentials())
	require.ErrorIs(t, err, tc3.ErrNoCredentials)
	require.EqualError(t, err, "tcretry: tc3: no credentials in any of 2 sources: in the environment; in a profile: no file "+
		filepath.Join(home, ".tencentcloud", "credentials"))
	writeFile(t, filepath.Join(home, ".tencentcloud", "credentials"), "[default]\nsecret_id=home\nsecret_key=k")
	got, err := get(tc3.DefaultCredentials())
	require.NoError(t, err)
	require.Equal(t, "home", got.SecretID)
	t.Setenv("TENCENTCLOUD_SECRET_ID", "env")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "k")
	got, err = get(&tc3.Refreshing{})
	require.NoError(t, err)
	require.Equal(t, "env", got.SecretID)
}

func TestChain_refreshes(t *testing.T) {
	other := tc3.Credentials{SecretID: "x", SecretKey: "y", Token: "z"}
	got, err := tc3.Chain{refreshFunc(func() tc3.Credentials { return other })}.Refresh(context.Background(), temp)
	require.NoError(t, err)
	require.Equal(t, other, got)
}

func TestThePackageImportsTheStandardLibraryOnly(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	require.NoError(t, err)
	for _, path := range pkg.Imports {
		first, _, _ := strings.Cut(path, "/")
		require.NotContains(t, first, ".", path)
	}
}
