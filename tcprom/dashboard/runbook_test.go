package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

const runbook = "https://github.com/tcretry/tcretry/blob/main/docs/operations.md"

// runbookHeadings returns the names of the headings of the runbook as GitHub links to
// them, as far as alerts and stop reasons are concerned.
func runbookHeadings(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	var names []string
	for _, heading := range regexp.MustCompile("(?m)^### (.+)$").FindAllStringSubmatch(string(text), -1) {
		names = append(names, strings.ToLower(strings.Trim(heading[1], "`")))
	}
	return names
}

func TestEveryAlertLinksToItsSectionOfTheRunbook(t *testing.T) {
	text, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	headings := runbookHeadings(t)
	rules := strings.Split(string(text), "- alert: ")[1:]
	require.Len(t, rules, 4)
	for _, rule := range rules {
		name, rest, _ := strings.Cut(rule, "\n")
		section := strings.ToLower(name)
		require.Contains(t, headings, section)
		require.Contains(t, rest, "runbook_url: "+runbook+"#"+section+"\n")
	}
}

func TestTheRunbookHasASectionForEveryStopReason(t *testing.T) {
	headings := runbookHeadings(t)
	for r := tcretry.StopSuccess; r <= tcretry.StopCanceled; r++ {
		require.Contains(t, headings, r.String())
	}
}
