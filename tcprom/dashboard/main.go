// Command dashboard writes the dashboard for Grafana, dashboard.json, into the
// current folder: go generate . in the folder tcprom runs it. Import the file in
// Grafana and choose the Prometheus that scrapes the program.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	text, err := render()
	if err == nil {
		err = os.WriteFile("dashboard.json", text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// object is one of JSON.
type object = map[string]any

// render returns the dashboard as JSON. Keys are sorted, so that it changes only
// where it has to.
func render() ([]byte, error) {
	text, err := json.MarshalIndent(dashboard(), "", "  ")
	return append(text, '\n'), err
}

func dashboard() object {
	return object{
		"uid":           "tcretry",
		"title":         "tcretry",
		"description":   "Calls to Tencent Cloud API 3.0: what they ask, how they fail, how they wait. Made by go generate in github.com/tcretry/tcretry/tcprom.",
		"tags":          []string{"tcretry", "tencentcloud"},
		"schemaVersion": 39,
		"version":       1,
		"editable":      true,
		"graphTooltip":  1, // one crosshair for all panels
		"refresh":       "30s",
		"time":          object{"from": "now-3h", "to": "now"},
		"templating": object{"list": []object{
			{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
			variable("service", "tcretry_calls_total"),
			variable("action", `tcretry_calls_total{service=~"$service"}`),
			variable("region", `tcretry_calls_total{service=~"$service"}`),
		}},
		"panels": layOut(rows),
	}
}

// variable lets a person choose values of a label, all at first.
func variable(label, series string) object {
	return object{
		"name": label, "label": label, "type": "query", "datasource": source,
		"query":   object{"query": fmt.Sprintf("label_values(%s, %s)", series, label), "refId": label},
		"refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
		"current": object{"text": "All", "value": "$__all"},
	}
}

// source is the Prometheus that a person chose.
var source = object{"type": "prometheus", "uid": "${datasource}"}

// Sizes in Grafana's grid, which is 24 wide.
const (
	gridWidth   = 24
	statHeight  = 4
	graphHeight = 8
)

// layOut returns the panels of rows from left to right and from top to bottom.
func layOut(rows []row) []object {
	var panels []object
	y := 0
	add := func(p object, x, width, height int) {
		p["id"] = len(panels) + 1
		p["gridPos"] = object{"x": x, "y": y, "w": width, "h": height}
		panels = append(panels, p)
	}
	for _, r := range rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 0, gridWidth, 1)
		y++
		width := gridWidth / len(r.panels)
		height := 0
		for i, p := range r.panels {
			h := graphHeight
			if p.stat {
				h = statHeight
			}
			add(p.object(), i*width, width, h)
			height = max(height, h)
		}
		y += height
	}
	return panels
}

// object returns a panel as Grafana has it.
func (p panel) object() object {
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend, "exemplar": p.exemplars,
		})
	}
	o := object{
		"title": p.title, "description": p.description, "datasource": source, "targets": targets,
		"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": []object{}},
	}
	if p.stat {
		o["type"] = "stat"
		o["options"] = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "graphMode": "area"}
		return o
	}
	o["type"] = "timeseries"
	o["options"] = object{
		"legend":  object{"displayMode": "table", "placement": "bottom", "calcs": []string{"mean", "max"}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
	return o
}
