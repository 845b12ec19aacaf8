package main

import (
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
)

// usage returns the help of all commands.
func usage() string {
	var b strings.Builder
	b.WriteString("tcretry explains how a retrying transport treats errors of Tencent Cloud API 3.0,\nchecks its policies, and makes the calls of other programs over one.\n\nUsage:\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(w, "\ttcretry %s\t%s\n", c.name, c.summary)
	}
	w.Flush()
	b.WriteString("\nExamples:\n\n")
	for _, c := range commands() {
		b.WriteString("\t" + c.examples[0] + "\n")
	}
	b.WriteString("\nExit codes: 0 success; 1 a policy is not valid or cannot be read, or no code matches;\n" +
		"2 wrong usage. Every command has -h.\n")
	return b.String()
}

// usage returns the help of the command.
func (c subcommand) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: tcretry %s\n\n%s\n", c.synopsis(), sentence(c.summary))
	if c.help != "" {
		b.WriteString("\n" + wrap(c.help) + "\n")
	}
	if flags := c.flags(); len(flags) > 0 {
		b.WriteString("\nFlags:\n\n")
		w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		for _, f := range flags {
			value, text := flag.UnquoteUsage(f)
			fmt.Fprintf(w, "\t-%s\t%s\n", strings.TrimSpace(f.Name+" "+value), text)
		}
		w.Flush()
	}
	b.WriteString("\nExamples:\n\n\t" + strings.Join(c.examples, "\n\t") + "\n")
	return b.String()
}

// synopsis returns the command line of the command.
func (c subcommand) synopsis() string {
	words := []string{c.name}
	for _, f := range c.flags() {
		value, _ := flag.UnquoteUsage(f)
		words = append(words, "["+strings.TrimSpace("-"+f.Name+" "+value)+"]")
	}
	return strings.TrimSpace(strings.Join(append(words, c.args), " "))
}

// flags returns the flags of the command, sorted.
func (c subcommand) flags() (all []*flag.Flag) {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setup(set)
	set.VisitAll(func(f *flag.Flag) { all = append(all, f) })
	return all
}

// wrap breaks a text into lines of at most 100 bytes.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case width == 0:
		case width+1+len(word) > 100:
			b.WriteByte('\n')
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// sentence returns a summary as a sentence.
func sentence(summary string) string {
	return strings.ToUpper(summary[:1]) + summary[1:] + "."
}
