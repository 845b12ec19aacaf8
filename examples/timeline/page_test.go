package main

import (
	"encoding/xml"
	"errors"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// element is the part of an element of a picture that the tests check.
type element struct {
	XMLName  xml.Name
	Class    string    `xml:"class,attr"`
	Href     string    `xml:"href,attr"`
	X        *float64  `xml:"x,attr"`
	Y        float64   `xml:"y,attr"`
	Width    float64   `xml:"width,attr"`
	Height   float64   `xml:"height,attr"`
	Text     string    `xml:",chardata"`
	Elements []element `xml:",any"`
}

func parsed(t *testing.T, picture []byte) (root element) {
	t.Helper()
	require.NoError(t, xml.Unmarshal(picture, &root))
	return root
}

func drawn(t *testing.T) (sides []*side, picture element) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sides = newSides()
		require.NoError(t, play(sides, inMemory))
	})
	return sides, parsed(t, draw(sides))
}

func TestThePictureHasABarACallAndAMarkAnAttempt(t *testing.T) {
	sides, picture := drawn(t)
	found, want := map[string]int{}, map[string]int{"good": 36 + 50, "bad": 14}
	for _, group := range picture.Elements {
		if group.Class == "calls" {
			for _, e := range group.Elements {
				found[e.Class+e.Href]++
			}
		}
	}
	for _, s := range sides {
		for _, c := range s.api.Recorded() {
			want[map[string]string{"": "#success", "RequestLimitExceeded": "#throttled", "InternalError": "#transient"}[c.Code]]++
		}
	}
	require.Equal(t, want, found)
}

func TestBarsStandInTheOrderOfTheirEndsAndFailedOnesLast(t *testing.T) {
	sides, _ := drawn(t)
	for _, s := range sides {
		sorted := s.sorted()
		require.ElementsMatch(t, s.calls[:], sorted)
		for i, c := range sorted[1:] {
			before := sorted[i]
			require.True(t, c.failed && !before.failed || c.failed == before.failed && c.end >= before.end)
		}
	}
}

func TestAnAttemptOfNoExpectedClassHasAMarkToo(t *testing.T) {
	require.Equal(t, "other", markOf(tcretry.Ambiguous).id)
	require.Contains(t, style, `id="other"`)
}

func TestNothingLiesOutsideOfThePicture(t *testing.T) {
	_, picture := drawn(t)
	requireInside(t, picture)
}

func TestAnAPIThatIsNotReachedMakesAPictureToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sides := newSides()
		lost := func(*tctest.API) (http.RoundTripper, func(), error) { return lost{}, func() {}, nil }
		require.NoError(t, play(sides, lost))
		require.Contains(t, sides[0].totals(), "0 calls succeed, 50 fail · 0 requests")
		picture := draw(sides)
		require.NotContains(t, string(picture), "Inf")
		requireInside(t, parsed(t, picture))
	})
}

// lost is a network that is down.
type lost struct{}

func (lost) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("down") }

func TestTheStoredPictureIsOneOfThisProgram(t *testing.T) {
	stored, err := os.ReadFile("timeline.svg")
	require.NoError(t, err)
	require.Contains(t, string(stored), style, "make it anew: go run ./examples/timeline")
	picture := parsed(t, stored)
	requireInside(t, picture)
}

// requireInside checks all that is placed by its left upper corner or, text,
// by its base line. What has another form is a mark.
func requireInside(t *testing.T, e element) {
	t.Helper()
	if e.XMLName.Local == "defs" {
		return
	}
	if e.X != nil {
		left, right := *e.X, *e.X+e.Width
		if e.XMLName.Local == "text" {
			long := letters[e.Class] * float64(utf8.RuneCountInString(e.Text))
			if right += long; e.Class == "mid" {
				left, right = left-long/2, right-long/2
			}
		}
		require.True(t, left >= 0 && right <= width, "%+v", e)
		require.True(t, e.Y >= 0 && e.Y+e.Height <= height(2), "%+v", e)
	}
	for _, child := range e.Elements {
		requireInside(t, child)
	}
}

// letters are the mean widths of letters in the widest of the usual fonts.
var letters = map[string]float64{"title": 12.5, "head": 9.5, "total": 8.2, "": 7.6, "mid": 7.6}
