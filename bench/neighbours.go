package main

import (
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/budget"
)

// neighbours returns a table of what other numbers of a budget.Tokens lead to.
func (b *bench) neighbours() string {
	with := func(name string, fresh func() *budget.Tokens) scene.Strategy {
		return scene.Ours(name, func() tcretry.Option { return tcretry.WithBudget(fresh()) })
	}
	b.outageRows([]scene.Strategy{
		tcretryAsItComes,
		with("Capacity: 25", func() *budget.Tokens { return &budget.Tokens{Capacity: 25} }),
		with("Capacity: 100", func() *budget.Tokens { return &budget.Tokens{Capacity: 100} }),
		with("PerSuccess: 0.25", func() *budget.Tokens { return &budget.Tokens{PerSuccess: 0.25} }),
		with("PerSuccess: 1", func() *budget.Tokens { return &budget.Tokens{PerSuccess: 1} }),
		with("DownAfter: 6", func() *budget.Tokens { return &budget.Tokens{OpenAfter: 6} }),
		with("DownAfter: 24", func() *budget.Tokens { return &budget.Tokens{OpenAfter: 24} }),
		with("MaxHold: 2 s", func() *budget.Tokens { return &budget.Tokens{MaxDefer: 2 * time.Second} }),
		with("MaxHold: 10 s", func() *budget.Tokens { return &budget.Tokens{MaxDefer: 10 * time.Second} }),
		with("ProbeEvery: 0.5 s", func() *budget.Tokens { return &budget.Tokens{ProbeInterval: time.Second / 2} }),
		with("ProbeEvery: 2 s", func() *budget.Tokens { return &budget.Tokens{ProbeInterval: 2 * time.Second} }),
	})
	return b.text.String()
}
