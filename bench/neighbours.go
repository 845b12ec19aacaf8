package main

import (
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/budget"
)

// neighbours returns a table of the results of other parameters of a budget.Tokens.
func (b *bench) neighbours() string {
	with := func(name string, fresh func() *budget.Tokens) scene.Strategy {
		return scene.Tcretry(name, func() tcretry.Option { return tcretry.WithBudget(fresh()) })
	}
	b.outageRows([]scene.Strategy{
		tcretryDefaults,
		with("Capacity: 25", func() *budget.Tokens { return &budget.Tokens{Capacity: 25} }),
		with("Capacity: 100", func() *budget.Tokens { return &budget.Tokens{Capacity: 100} }),
		with("PerSuccess: 0.25", func() *budget.Tokens { return &budget.Tokens{PerSuccess: 0.25} }),
		with("PerSuccess: 1", func() *budget.Tokens { return &budget.Tokens{PerSuccess: 1} }),
		with("OpenAfter: 6", func() *budget.Tokens { return &budget.Tokens{OpenAfter: 6} }),
		with("OpenAfter: 24", func() *budget.Tokens { return &budget.Tokens{OpenAfter: 24} }),
		with("MaxDefer: 2 s", func() *budget.Tokens { return &budget.Tokens{MaxDefer: 2 * time.Second} }),
		with("MaxDefer: 10 s", func() *budget.Tokens { return &budget.Tokens{MaxDefer: 10 * time.Second} }),
		with("ProbeInterval: 0.5 s", func() *budget.Tokens { return &budget.Tokens{ProbeInterval: time.Second / 2} }),
		with("ProbeInterval: 2 s", func() *budget.Tokens { return &budget.Tokens{ProbeInterval: 2 * time.Second} }),
	})
	return b.text.String()
}
