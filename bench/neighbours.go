package main

import (
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/scene"
)

// neighbours returns a table of what other numbers of a TokenBudget lead to.
func (b *bench) neighbours() string {
	with := func(name string, fresh func() *tcretry.TokenBudget) scene.Strategy {
		return scene.Ours(name, func() tcretry.Option { return tcretry.WithBudget(fresh()) })
	}
	b.outageRows([]scene.Strategy{
		tcretryAsItComes,
		with("Capacity: 25", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{Capacity: 25} }),
		with("Capacity: 100", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{Capacity: 100} }),
		with("PerSuccess: 0.25", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{PerSuccess: 0.25} }),
		with("PerSuccess: 1", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{PerSuccess: 1} }),
		with("DownAfter: 6", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{DownAfter: 6} }),
		with("DownAfter: 24", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{DownAfter: 24} }),
		with("MaxHold: 2 s", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{MaxHold: 2 * time.Second} }),
		with("MaxHold: 10 s", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{MaxHold: 10 * time.Second} }),
		with("ProbeEvery: 0.5 s", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{ProbeEvery: time.Second / 2} }),
		with("ProbeEvery: 2 s", func() *tcretry.TokenBudget { return &tcretry.TokenBudget{ProbeEvery: 2 * time.Second} }),
	})
	return b.text.String()
}
