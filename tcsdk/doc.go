// Package tcsdk puts tcretry under the clients of the official Go SDK of Tencent
// Cloud, tencentcloud-sdk-go, and keeps the settings of the clients.
//
//	transport := tcsdk.New() // one for the program
//	client, err := cvm.NewClient(credential, "ap-guangzhou", clientProfile)
//	err = transport.Use(client)
//
// [Transport.Use] accepts the clients of all products and those of
// common.NewCommonClient. All clients of one [Transport] share its policy, retry
// budget, rate limiter and hooks; each keeps the underlying RoundTripper, the
// proxy and the time-out that the SDK gave it.
//
// # Clients that belong to a library
//
// Some libraries make their SDK client themselves (lego, external-dns), as do the SDK's
// own calls to STS: there is no client to pass to Use. One line, before their clients are
// made, covers them:
//
//	http.DefaultTransport = tcsdk.New()
//
// Requests to other services than the API pass through unchanged. In a client that is
// made after that line, the SDK cannot apply HttpProfile.Proxy, and logs this.
// [Transport.Use] applies it. For other clients set the proxy in the original
// http.DefaultTransport, before that line, or in the environment.
//
// The SDK has a variable of its own for this:
//
//	common.DefaultHttpClient = &http.Client{Transport: tcsdk.New()}
//
// It covers SDK clients only, and all of them share one http.Client. Each NewClient, also
// for the SDK's own STS calls, sets the time-out of that http.Client to the ReqTimeout of
// its profile, even while other clients use it, and no client can have a proxy. Prefer the
// first line.
//
// Neither line can check a profile: leave the SDK's own retries off in these clients, as
// they are by default.
//
// # Credentials
//
// [Source] returns the credentials of any provider of the SDK for a tc3.Transport:
// environment, profile, CVM role, AssumeRole, OIDC of TKE.
//
// # Errors
//
// Older versions of the SDK reduce the errors of a transport to text. [Trace] and
// [Recover] return the lost details: attempts, stop reason, whether the outcome is
// unknown, request ids.
//
// # Versions
//
// The package is tested with the SDK's common module v1.1.50, which its go.mod requires,
// v1.3.166 and v1.3.212. It reads two unexported fields of common.Client: with a version
// of the SDK that renames them, Use returns an error and changes nothing.
package tcsdk
