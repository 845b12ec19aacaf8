package main

// colors is how many colors there are for series.
const colors = 8

// style holds the colors, which follow the reader's choice of light or dark. It has no
// CSS variables: not every program that shows an SVG supports them.
const style = `<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #57606a }
.row { font-size: 14px; font-weight: 600; fill: #1f2328 }
.title { font-size: 13px; font-weight: 600; fill: #1f2328 }
.chosen { fill: #1f2328 }
.value { font-size: 30px; font-weight: 600; text-anchor: middle; fill: #1a7f37 }
.mid { text-anchor: middle }
.end, .number { text-anchor: end }
.mid, .end, .number { font-size: 11px }
.page { fill: #eff1f4 }
.panel { fill: #fff; stroke: #d8dee4 }
.grid { stroke: #e3e7eb }
path { fill: none; stroke-width: 1.6; stroke-linejoin: round }
.grid { stroke-width: 1 }
.area { fill: #2da44e; opacity: .15 }
.l0 { stroke: #2da44e } .l1 { stroke: #0969da } .l2 { stroke: #d4730b } .l3 { stroke: #cf222e }
.l4 { stroke: #8250df } .l5 { stroke: #0a94a8 } .l6 { stroke: #9a6700 } .l7 { stroke: #bf3989 }
@media (prefers-color-scheme: dark) {
text { fill: #9da7b1 }
.row, .title, .chosen { fill: #e6edf3 }
.value { fill: #56d364 }
.page { fill: #0d1117 }
.panel { fill: #161b22; stroke: #30363d }
.grid { stroke: #262c34 }
.area { fill: #56d364 }
.l0 { stroke: #56d364 } .l1 { stroke: #58a6ff } .l2 { stroke: #ff9d3c } .l3 { stroke: #ff7b72 }
.l4 { stroke: #bc8cff } .l5 { stroke: #39c5cf } .l6 { stroke: #e3c04b } .l7 { stroke: #f778ba }
}
</style>
`
