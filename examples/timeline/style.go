package main

import "github.com/tcretry/tcretry"

// mark is the sign of an attempt: a colour and a form, for those who see no
// difference of colours.
type mark struct{ id, means string }

// marks in the order of the legend.
var marks = []struct {
	class tcretry.Class
	mark
}{
	{tcretry.Success, mark{"success", "answered"}},
	{tcretry.Throttled, mark{"throttled", "RequestLimitExceeded"}},
	{tcretry.Transient, mark{"transient", "InternalError"}},
}

func markOf(class tcretry.Class) mark {
	for _, m := range marks {
		if m.class == class {
			return m.mark
		}
	}
	return other
}

// other is not met unless the machine fails.
var other = mark{"other", "another failure"}

// style holds the colours, which follow the reader's choice of light or dark, and
// the forms of the marks.
const style = `<style>
svg { --page: #fff; --text: #1f2328; --soft: #59636e; --line: #d8dee4; --good: #0072b2; --bad: #c2410c; --pass: #8250df; --goodbar: #a9d1ee; --badbar: #f7c6a8 }
@media (prefers-color-scheme: dark) {
svg { --page: #0d1117; --text: #e6edf3; --soft: #9da7b1; --line: #30363d; --good: #58b4f5; --bad: #ff9657; --pass: #cba6ff; --goodbar: #1d4f78; --badbar: #713512 }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--soft) }
.title { font-size: 20px; font-weight: 600; fill: var(--text) }
.head { font-size: 15px; font-weight: 600; fill: var(--text) }
.total { font-size: 14px; fill: var(--text) }
.mid { text-anchor: middle }
.page { fill: var(--page) }
.grid { stroke: var(--line) }
.quota { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 5 3 }
.good { fill: var(--goodbar) }
.bad { fill: var(--badbar) }
</style>
<defs>
<circle id="success" r="2.4" style="fill: var(--good)"/>
<path id="throttled" d="M-2.2-2.2 2.2 2.2M-2.2 2.2 2.2-2.2" style="stroke: var(--bad); stroke-width: 1.4"/>
<path id="transient" d="M0-3.2 3.2 0 0 3.2-3.2 0Z" style="fill: var(--pass)"/>
<rect id="other" x="-2.2" y="-2.2" width="4.4" height="4.4" style="fill: var(--text)"/>
</defs>
`
