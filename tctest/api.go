package tctest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// An API is a fake of Tencent Cloud API 3.0. Make one with [NewAPI]. It is an
// [http.RoundTripper] that answers in memory; see [API.PipeTransport],
// [API.Start] and [API.Handler] for the other ways. All methods may be called
// from many goroutines, and the settings changed while attempts arrive.
type API struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	common   []Reply            // the script of actions without one of their own
	scripts  map[string][]Reply // the rest of the script, by action
	fallback Reply
	latency  func() time.Duration
	quotas   map[string]quotaRule
	windows  map[quotaKey]*window
	known    map[string]bool   // nil: not checked
	keys     map[string]string // secret keys by secret ids; nil: not checked
	offset   time.Duration
	calls    []Attempt
	executed map[string]int
	results  map[resultKey]any
}

// resultKey names an execution that must not be repeated.
type resultKey struct{ action, token string }

// NewAPI returns an API that answers the nth attempt with the nth answer,
// whatever its action, and every attempt after them with an empty success.
// Actions that have a script of their own take no part in this one.
func NewAPI(answers ...Reply) *API {
	return &API{
		common:   slices.Clone(answers),
		scripts:  map[string][]Reply{},
		fallback: OK(nil),
		quotas:   map[string]quotaRule{},
		windows:  map[quotaKey]*window{},
		executed: map[string]int{},
		results:  map[resultKey]any{},
	}
}

// Script adds answers for one action: its nth attempt gets the nth answer, and
// those after the script what [API.Default] says. Attempts that are rejected by
// a quota, or for their signature, take no answer from the script.
func (api *API) Script(action string, answers ...Reply) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.scripts[action] = append(api.scripts[action], answers...)
}

// Default sets the answer to attempts after their script. Unset, it is OK(nil).
func (api *API) Default(a Reply) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.fallback = a
}

// Latency sets the time that every answer takes, rejections too, on top of its
// own [Delay]. The function is called for each attempt, by one goroutine at a
// time; it may draw from a random source without a lock of its own.
func (api *API) Latency(draw func() time.Duration) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.latency = draw
}

// KnownActions makes the API refuse what is malformed, as the real one does:
// other methods than GET and POST (UnsupportedProtocol), a missing action or
// version (MissingParameter) and actions other than those named
// (InvalidAction). Unset, nothing of it is checked.
func (api *API) KnownActions(actions ...string) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.known = map[string]bool{}
	for _, a := range actions {
		api.known[a] = true
	}
}

// SetClock sets how far the API's clock is ahead of ours; behind if negative.
// Its Date header and the age of signatures go by it.
func (api *API) SetClock(offset time.Duration) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.offset = offset
}

// Recorded returns the attempts as the API saw them, in the order of their arrival.
func (api *API) Recorded() []Attempt {
	api.mu.Lock()
	defer api.mu.Unlock()
	return slices.Clone(api.calls)
}

// Attempts is the number of attempts of an action, refused connections
// included; of all actions for "".
func (api *API) Attempts(action string) int {
	api.mu.Lock()
	defer api.mu.Unlock()
	n := 0
	for i := range api.calls {
		if action == "" || api.calls[i].Action == action {
			n++
		}
	}
	return n
}

// Executions is how often an action was executed.
func (api *API) Executions(action string) int {
	api.mu.Lock()
	defer api.mu.Unlock()
	return api.executed[action]
}

// dialRefused says whether the script refuses the connection of an attempt, and
// if so takes that answer.
func (api *API) dialRefused(req *http.Request) bool {
	api.mu.Lock()
	any := api.mayRefuse()
	api.mu.Unlock()
	if !any {
		return false
	}
	c := readCall(req, nil)
	c.Action = dialAction(req)
	api.mu.Lock()
	defer api.mu.Unlock()
	if api.peekScript(c.Action).kind != refuse {
		return false
	}
	a := api.nextScripted(c.Action)
	c.Number, c.Time, c.Answer = len(api.calls)+1, time.Now(), a.name
	api.calls = append(api.calls, c)
	return true
}

// mayRefuse says whether any script begins with a refusal; it spares the others
// the work of looking. It requires that mu is held.
func (api *API) mayRefuse() bool {
	if api.fallback.kind == refuse || len(api.common) > 0 && api.common[0].kind == refuse {
		return true
	}
	for _, script := range api.scripts {
		if len(script) > 0 && script[0].kind == refuse {
			return true
		}
	}
	return false
}

// take decides what becomes of an attempt, and records it. The time is the
// API's own.
func (api *API) take(req *http.Request, body []byte) (Attempt, Reply, time.Time) {
	c := readCall(req, body)
	api.mu.Lock()
	c.Time = time.Now()
	date := c.Time.Add(api.offset)
	c.Number = len(api.calls) + 1
	c.RequestID = fmt.Sprintf("00000000-0000-4000-8000-%012x", c.Number)
	api.calls = append(api.calls, c)
	a, rejected := api.reject(req, c, date)
	if !rejected {
		a = api.nextScripted(c.Action)
	}
	var latency time.Duration
	if api.latency != nil {
		latency = api.latency()
	}
	api.mu.Unlock()

	// Func may use the API, so mu is not held.
	a = a.resolve(c)
	a.delay += latency

	api.mu.Lock()
	defer api.mu.Unlock()
	api.execute(&c, &a)
	c.Answer, c.Code = a.name, a.code
	if a.kind == respond || a.kind == serve {
		c.Status = a.status
	}
	api.calls[c.Number-1] = c
	return c, a, date
}

// reject is the API's answer to an attempt that does not come to the script. It
// requires that mu is held.
func (api *API) reject(req *http.Request, c Attempt, date time.Time) (Reply, bool) {
	if a, bad := api.malformed(c); bad {
		return a, true
	}
	if api.keys != nil {
		if a, bad := checkSignature(req, c, api.keys, date); bad {
			return a, true
		}
	}
	return api.overQuota(c)
}

// malformed requires that mu is held.
func (api *API) malformed(c Attempt) (Reply, bool) {
	switch {
	case api.known == nil:
		return Reply{}, false
	case c.Method != http.MethodGet && c.Method != http.MethodPost:
		return Fail("UnsupportedProtocol", "The HTTP method is not supported, use GET or POST."), true
	case c.Action == "":
		return Fail("MissingParameter", "The request is missing a required parameter `Action`."), true
	case c.Version == "":
		return Fail("MissingParameter", "The request is missing a required parameter `Version`."), true
	case !api.known[c.Action]:
		return Fail("InvalidAction", "The action `"+c.Action+"` is not valid or not found."), true
	}
	return Reply{}, false
}

// peekScript requires that mu is held.
func (api *API) peekScript(action string) Reply {
	if script, ok := api.scripts[action]; ok {
		if len(script) > 0 {
			return script[0]
		}
		return api.fallback
	}
	if len(api.common) > 0 {
		return api.common[0]
	}
	return api.fallback
}

// nextScripted takes the answer that peekScript shows. It requires that mu is
// held.
func (api *API) nextScripted(action string) Reply {
	a := api.peekScript(action)
	if script, ok := api.scripts[action]; ok {
		if len(script) > 0 {
			api.scripts[action] = script[1:]
		}
	} else if len(api.common) > 0 {
		api.common = api.common[1:]
	}
	return a
}

// execute does what the attempt asks for, once a ClientToken. It requires that
// mu is held.
func (api *API) execute(c *Attempt, a *Reply) {
	if !a.executed {
		return
	}
	key := resultKey{c.Action, c.ClientToken}
	first, done := api.results[key]
	switch {
	case c.ClientToken == "":
	case done && first != nil:
		a.data = first
		return
	case done:
		// The first answer was lost before it was made: what the script
		// has now is the first result that anybody sees.
		if a.data != nil {
			api.results[key] = a.data
		}
		return
	default:
		api.results[key] = a.data
	}
	c.Executed = true
	api.executed[c.Action]++
}
