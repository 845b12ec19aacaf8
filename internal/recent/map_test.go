package recent_test

import (
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/recent"
)

// counted is a Map whose values are numbered in the order in which they were made.
type counted struct {
	recent.Map[string, int]
	made int
}

func (c *counted) get(key string, keep func(int) bool) int {
	return c.Get(key, recent.Hint(key), func() (string, int) { c.made++; return key, c.made }, keep)
}

func never(int) bool { return false }

// names returns n keys.
func names(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = prefix + strconv.Itoa(i)
	}
	return keys
}

// all returns what All yields, each key once.
func all(t *testing.T, m *counted) map[string]int {
	t.Helper()
	found := map[string]int{}
	m.All(func(key string, value int) {
		if _, again := found[key]; again {
			t.Errorf("%q twice", key)
		}
		found[key] = value
	})
	return found
}

func TestGet_MakesEachValueOnce(t *testing.T) {
	var m counted
	require.Empty(t, all(t, &m))
	for range 3 {
		require.Equal(t, 1, m.get("a", never))
		require.Equal(t, 2, m.get("b", never))
	}
	require.Equal(t, map[string]int{"a": 1, "b": 2}, all(t, &m))
}

func TestGet_KeepsTheLastKeysThatWereUsed(t *testing.T) {
	var m counted
	keys := names("", recent.Limit)
	for range 3 {
		for i, key := range keys {
			require.Equal(t, i+1, m.get(key, never))
		}
	}
	for i, key := range names("other", recent.Limit-1) {
		m.get(key, never)
		require.Equal(t, 1, m.get(keys[0], never), "used after each of %d others", i)
		if i == 0 {
			require.Contains(t, all(t, &m), keys[0], "in one generation")
		}
	}
	require.Equal(t, 2*recent.Limit-1, m.made)
}

// A key that is found at its hint, without a lookup, is used as well.
func TestGet_KeepsAKeyThatIsUsedAllTheTime(t *testing.T) {
	var m recent.Map[string, int]
	made := 0
	get := func(key string, hint uint8) int {
		return m.Get(key, hint, func() (string, int) { made++; return key, made }, never)
	}
	for i, key := range names("other", 10*recent.Limit) {
		require.Equal(t, 1, get("used", 1), "after %d others", i)
		get(key, 2)
	}
	found := false
	m.All(func(key string, _ int) { found = found || key == "used" })
	require.True(t, found)
}

// Keys with one hint are told apart.
func TestGet_OfKeysWithOneHint(t *testing.T) {
	var m recent.Map[string, int]
	for range 3 {
		for i, key := range names("", 10) {
			for range 2 {
				require.Equal(t, i, m.Get(key, 0, func() (string, int) { return key, i }, never))
			}
		}
	}
}

func TestGet_DropsKeysThatWereNotUsed(t *testing.T) {
	var m counted
	first := m.get("first", never)
	for i, key := range names("", 20*recent.Limit) {
		m.get(key, never)
		if i < 4*recent.Limit { // at each of them: it is largest at one
			held := 0
			m.All(func(string, int) { held++ })
			require.Less(t, held, 2*recent.Limit, i)
		}
	}
	require.NotContains(t, all(t, &m), "first")
	require.NotEqual(t, first, m.get("first", never), "made anew")
}

func TestGet_RetainsTheValuesThatKeepWants(t *testing.T) {
	var m counted
	wanted := func(value int) bool { return value%2 == 0 && value <= 100 }
	for _, key := range names("", 20*recent.Limit) {
		m.get(key, wanted)
	}
	found := all(t, &m)
	for i, key := range names("", 100) {
		require.Equal(t, wanted(i+1), found[key] != 0, key)
	}
	require.LessOrEqual(t, len(found), 2*recent.Limit+50, "those that are retained do not fill the rest")
	for _, key := range names("later", 2*recent.Limit) {
		m.get(key, never)
	}
	require.NotContains(t, all(t, &m), "1", "retained only for as long as keep wants it")
}

// Retained keys must not shrink the room for others, else a few of them would make the
// Map age at each use.
func TestGet_HasRoomForTheLimitBesidesRetainedKeys(t *testing.T) {
	var m counted
	always := func(int) bool { return true }
	for _, key := range names("retained", 4*recent.Limit) {
		m.get(key, always)
	}
	retained := m.made
	keep := func(value int) bool { return value <= retained }
	keys := names("", recent.Limit)
	for range 3 {
		for _, key := range keys {
			m.get(key, keep)
		}
	}
	require.Equal(t, retained+recent.Limit, m.made)
}

func TestGet_StoresTheCopyOfTheKey(t *testing.T) {
	request := "host=cvm.tencentcloudapi.com&body=…"
	part := request[5:28]
	var m recent.Map[string, int]
	m.Get(part, recent.Hint(part), func() (string, int) { return strings.Clone(part), 1 }, never)
	m.All(func(key string, _ int) {
		require.Equal(t, part, key)
		require.False(t, unsafe.StringData(part) == unsafe.StringData(key), "the request would stay in memory")
	})
}

func TestGet_IsSafeForConcurrentUse(t *testing.T) {
	var m recent.Map[int, *int]
	for key := range 5000 {
		var users sync.WaitGroup
		var values [2]*int
		var ready atomic.Int32
		for i := range values {
			users.Go(func() {
				for ready.Add(1); int(ready.Load()) < len(values); { // as close together as can be
					runtime.Gosched()
				}
				values[i] = m.Get(key, uint8(key), func() (int, *int) { return key, new(int) }, func(*int) bool { return false })
				if key%50 == 0 {
					m.All(func(int, *int) {})
				}
			})
		}
		users.Wait()
		require.Same(t, values[0], values[1], "both get one value")
	}
}

func TestGet_OfAKeyThatWasUsedAllocatesNothing(t *testing.T) {
	var m counted
	m.get("a", never)
	fresh := func() (string, int) { return "a", 0 }
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Get("a", recent.Hint("a"), fresh, never) }))
}
