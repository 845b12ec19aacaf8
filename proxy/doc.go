// Package proxy is an HTTP proxy that makes the API calls of any program on this
// machine through one [tcretry.Transport]: terraform, tccli, and the SDKs for
// Python, Java, Node and PHP get its retries, its rate limiter, its retry budget
// and its connections, and share them. The command is tcretry proxy.
//
// A client sets its protocol to HTTP and this proxy as its HTTP proxy:
//
//	client ── HTTP, loopback or a unix socket ──► proxy ── TLS ──► API
//
// It sends a request in absolute form, as most do, or opens a tunnel by CONNECT to
// port 80 first, as the Node SDK does; a client on a unix socket may send the origin
// form. What is signed stays as it was: the method, the host, the path, the query,
// the body and every header that is not one of the connection. So does the response:
// no header is added, nothing is decompressed, and an event stream arrives event by
// event.
//
// The proxy holds no credential. It forwards to hosts of the API and those of
// [Config.AllowHosts], and to no other: over TLS, to port 443 unless a host was allowed
// with a port. It cannot see into TLS, so a CONNECT to any other port than 80 is
// refused, in words that say what to set.
//
// # What the client gets
//
// The response of the API, or one of these with an envelope as the API's, whose code
// begins with ProxyError but for the last. The message is also in the status line,
// because some clients show nothing else.
//
//	status  code                                  when
//	400     ProxyError.BadRequest                 no host, or another one than that of the tunnel
//	403     ProxyError.HostNotAllowed             not a host of the API
//	403     ProxyError.PortNotAllowed             not port 80
//	403     ProxyError.ProtocolNotHTTP            CONNECT to port 443: the client speaks HTTPS
//	408     ProxyError.RequestTimeout             the body did not come in time
//	413     ProxyError.RequestTooLarge            the body is longer than Config.MaxBodyBytes
//	502     ProxyError.NoResponse                 the Transport returned an error: no request has
//	                                              been executed
//	502     ProxyError.OutcomeUnknown             the same, and the request may have been executed
//	503     RequestLimitExceeded.ProxyOverloaded  Config.MaxCalls or MaxBufferedBytes is reached:
//	                                              nothing was sent; with Retry-After
//
// A response that ends before its time ends so for the client as well: its connection
// is closed.
package proxy
