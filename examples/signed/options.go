package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/tcretry/tcretry/examples/internal/command"
)

// options are the values of the flags.
type options struct {
	service, action, version, region, json string
	params                                 []string
	real                                   bool
}

// flags are the flags that set the options.
func (o *options) flags() *flag.FlagSet {
	flags := command.Flags("signed", source)
	flags.StringVar(&o.service, "service", "cvm", "the product")
	flags.StringVar(&o.action, "action", "DescribeZones", "what to do")
	flags.StringVar(&o.version, "version", "2017-03-12", "the version of the product's API")
	flags.StringVar(&o.region, "region", "ap-guangzhou", "the region; \"\" for actions that have none")
	flags.StringVar(&o.json, "json", "", "all parameters as one JSON object")
	flags.BoolVar(&o.real, "real", false, "call the real API, with the key in the environment")
	flags.Func("param", "a parameter, `Name=value`: JSON as it is, anything else as a text; can be given several times", func(p string) error {
		o.params = append(o.params, p)
		return nil
	})
	return flags
}

// request is the request without a signature; the error joins every invalid value.
func (o options) request(ctx context.Context) (*http.Request, error) {
	body, wrong := o.body()
	for _, c := range []struct{ flag, value, form string }{
		{"service", o.service, `[a-z0-9]+`},
		{"action", o.action, `[A-Z][A-Za-z0-9]*`},
		{"version", o.version, `\d{4}-\d\d-\d\d`},
		{"region", o.region, `[a-z0-9-]*`},
	} {
		if !regexp.MustCompile("^" + c.form + "$").MatchString(c.value) {
			wrong = append(wrong, fmt.Errorf("-%s %q: want the form %s", c.flag, c.value, c.form))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+o.service+".tencentcloudapi.com/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", o.action)
	req.Header.Set("X-TC-Version", o.version)
	if o.region != "" {
		req.Header.Set("X-TC-Region", o.region)
	}
	return req, nil
}
