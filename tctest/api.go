package tctest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// An API is a fake of Tencent Cloud API 3.0, made by [NewAPI]. It is an
// [http.RoundTripper] that responds in memory; [API.PipeTransport], [API.Start] and
// [API.Handler] are the other ways to reach it. All methods may be called from many
// goroutines, also while attempts arrive.
type API struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	common     []Reply            // what is left of the script of actions without their own
	scripts    map[string][]Reply // what is left of those with their own, by action
	fallback   Reply
	latency    func() time.Duration
	limits     map[string]limitRule
	windows    map[limitKey]*window
	known      map[string]bool   // nil: not checked
	secretKeys map[string]string // secret keys by secret ids; nil: not checked
	offset     time.Duration
	attempts   []Attempt
	executed   map[string]int
	results    map[resultKey]any
}

// resultKey is the key of an execution that must not happen twice.
type resultKey struct{ action, token string }

// NewAPI returns an API that responds to the nth attempt with the nth reply,
// whatever its action, and to every later attempt with an empty success. Actions
// with a script of their own ([API.Script]) neither use nor consume these replies.
func NewAPI(replies ...Reply) *API {
	return &API{
		common:   slices.Clone(replies),
		scripts:  map[string][]Reply{},
		fallback: OK(nil),
		limits:   map[string]limitRule{},
		windows:  map[limitKey]*window{},
		executed: map[string]int{},
		results:  map[resultKey]any{},
	}
}

// Script appends replies for one action: its nth attempt gets the nth reply, and
// every attempt after the script the reply of [API.Default]. An attempt that is
// rejected before (as malformed, over a rate limit or for its signature) consumes no
// reply.
func (api *API) Script(action string, replies ...Reply) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.scripts[action] = append(api.scripts[action], replies...)
}

// Default sets the reply to attempts after their script. The default is OK(nil).
func (api *API) Default(r Reply) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.fallback = r
}

// Latency sets how long every response takes, those to rejected attempts included,
// in addition to its own [Delay]. The function is called once per attempt, by one
// goroutine at a time, so it may use a random source without a lock. It must not call
// the API.
func (api *API) Latency(draw func() time.Duration) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.latency = draw
}

// KnownActions makes the API reject malformed requests, as the real one does: methods
// other than GET and POST (UnsupportedProtocol), a missing action or version
// (MissingParameter) and actions other than these (InvalidAction). By default none of
// these is checked.
func (api *API) KnownActions(actions ...string) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.known = map[string]bool{}
	for _, a := range actions {
		api.known[a] = true
	}
}

// SetClock sets how far the API's clock is ahead of the local one, or behind if
// negative. The Date header and the age of signatures are those of the API's clock.
func (api *API) SetClock(offset time.Duration) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.offset = offset
}

// Recorded returns the attempts as the API received them, in the order of their
// arrival.
func (api *API) Recorded() []Attempt {
	api.mu.Lock()
	defer api.mu.Unlock()
	return slices.Clone(api.attempts)
}

// Attempts returns the number of attempts of an action, refused connections
// included, or that of all actions for "".
func (api *API) Attempts(action string) int {
	api.mu.Lock()
	defer api.mu.Unlock()
	n := 0
	for i := range api.attempts {
		if action == "" || api.attempts[i].Action == action {
			n++
		}
	}
	return n
}

// Executions returns how often an action was executed.
func (api *API) Executions(action string) int {
	api.mu.Lock()
	defer api.mu.Unlock()
	return api.executed[action]
}

// refuseDial reports whether the script refuses the connection of an attempt. If so
// it consumes that reply and records the attempt.
func (api *API) refuseDial(req *http.Request) bool {
	api.mu.Lock()
	any := api.mayRefuse()
	api.mu.Unlock()
	if !any {
		return false
	}
	c := readAttempt(req, nil)
	c.Action = dialAction(req)
	api.mu.Lock()
	defer api.mu.Unlock()
	if api.peekReply(c.Action).kind != refuse {
		return false
	}
	a := api.nextReply(c.Action)
	c.Number, c.Time, c.Reply = len(api.attempts)+1, time.Now(), a.name
	api.attempts = append(api.attempts, c)
	return true
}

// mayRefuse reports whether any script begins with a refusal, so that other requests
// need not be inspected before their body is read. It requires that mu is held.
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

// receive chooses the reply to an attempt, executes the attempt and records it. The
// time that it returns is that of the API's clock.
func (api *API) receive(req *http.Request, body []byte) (Attempt, Reply, time.Time) {
	c := readAttempt(req, body)
	api.mu.Lock()
	c.Time = time.Now()
	date := c.Time.Add(api.offset)
	c.Number = len(api.attempts) + 1
	c.RequestID = fmt.Sprintf("00000000-0000-4000-8000-%012x", c.Number)
	api.attempts = append(api.attempts, c)
	a, rejected := api.reject(req, c, date)
	if !rejected {
		a = api.nextReply(c.Action)
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
	c.Reply, c.Code, c.Status = a.name, a.code, a.status
	api.attempts[c.Number-1] = c
	return c, a, date
}

// reject returns the reply to an attempt that does not reach the script, and whether
// there is one. It requires that mu is held.
func (api *API) reject(req *http.Request, c Attempt, date time.Time) (Reply, bool) {
	if a, bad := api.malformed(c); bad {
		return a, true
	}
	if api.secretKeys != nil {
		if a, bad := checkSignature(req, c, api.secretKeys, date); bad {
			return a, true
		}
	}
	return api.overLimit(c)
}

// malformed returns the reply to a malformed request, and whether it is one. It
// requires that mu is held.
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

// peekReply returns the next reply of an action and leaves it in the script. It
// requires that mu is held.
func (api *API) peekReply(action string) Reply {
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

// nextReply consumes the reply that peekReply returns. It requires that mu is held.
func (api *API) nextReply(action string) Reply {
	a := api.peekReply(action)
	if script, ok := api.scripts[action]; ok {
		if len(script) > 0 {
			api.scripts[action] = script[1:]
		}
	} else if len(api.common) > 0 {
		api.common = api.common[1:]
	}
	return a
}

// execute executes the attempt, unless the reply is one without execution or its
// ClientToken was executed before. It requires that mu is held.
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
		// The first response was lost and had no result: that of the
		// present reply is the first one that a client gets.
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
