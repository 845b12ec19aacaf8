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
	{tcretry.Success, mark{"success", "succeeded"}},
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
// the forms of the marks. It has no CSS variables: not every program that
// shows an SVG supports them.
const style = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #59636e }
.title { font-size: 20px; font-weight: 600; fill: #1f2328 }
.head { font-size: 15px; font-weight: 600; fill: #1f2328 }
.total { font-size: 14px; fill: #1f2328 }
.mid { text-anchor: middle }
.page { fill: #fff }
.grid { stroke: #d8dee4 }
.limit { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 5 3 }
.good { fill: #a9d1ee }
.bad { fill: #f7c6a8 }
#success { fill: #0072b2 }
#throttled { stroke: #c2410c; stroke-width: 1.4 }
#transient { fill: #8250df }
#other { fill: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #9da7b1 }
.title, .head, .total { fill: #e6edf3 }
.page { fill: #0d1117 }
.grid { stroke: #30363d }
.limit { stroke: #e6edf3 }
.good { fill: #1d4f78 }
.bad { fill: #713512 }
#success { fill: #58b4f5 }
#throttled { stroke: #ff9657 }
#transient { fill: #cba6ff }
#other { fill: #e6edf3 }
}
</style>
<defs>
<circle id="success" r="2.4"/>
<path id="throttled" d="M-2.2-2.2 2.2 2.2M-2.2 2.2 2.2-2.2"/>
<path id="transient" d="M0-3.2 3.2 0 0 3.2-3.2 0Z"/>
<rect id="other" x="-2.2" y="-2.2" width="4.4" height="4.4"/>
</defs>
`
