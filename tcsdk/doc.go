// Package tcsdk puts tcretry under the clients of the official Go SDK of Tencent
// Cloud, tencentcloud-sdk-go, without losing what they are set to.
//
//	transport := tcsdk.New() // one for the program
//	client, err := cvm.NewClient(credential, "ap-guangzhou", clientProfile)
//	err = transport.Use(client)
//
// [Transport.Use] takes the clients of all products and those of
// common.NewCommonClient. All clients of one [Transport] share its policy, retry
// budget, rate limiter and hooks; each keeps the underlying RoundTripper, the
// proxy and the time-out that the SDK gave it.
//
// # Clients that belong to a library
//
// A library that makes its SDK client itself (lego, external-dns) and the SDK's own
// calls to STS have no client to use. They are reached by one line, before their
// clients are made:
//
//	http.DefaultTransport = tcsdk.New()
//
// Requests to other services than the API pass through unchanged. The SDK cannot
// set HttpProfile.Proxy in a client that is made after that line, and writes so to its log:
// [Transport.Use] sets it; for other clients set the proxy in the original
// http.DefaultTransport, before that line, or in the environment.
//
// The SDK has a variable of its own for this:
//
//	common.DefaultHttpClient = &http.Client{Transport: tcsdk.New()}
//
// It reaches SDK clients only, and it makes all of them share one http.Client: each
// NewClient, those of the SDK's own STS calls too, sets that client's time-out to
// the ReqTimeout of its profile, also while others use it, and no client can have a
// proxy. Prefer the first line.
//
// Neither line can look at a profile: leave the SDK's own retries off there, as
// they are by default.
//
// # Credentials
//
// [Source] makes credentials for a tc3.Transport of any of the SDK's providers:
// environment, profile, CVM role, AssumeRole, OIDC of TKE.
//
// # Errors
//
// Older versions of the SDK reduce the errors of a transport to text. [Trace] and [Recover] return
// what is lost: attempts, stop reason, whether the outcome is unknown, request ids.
//
// # Versions
//
// It is tested with the SDK's common module v1.1.50, which its go.mod requires,
// v1.3.166 and v1.3.212. It reads two fields of common.Client that are not exported; with a
// version of the SDK that has renamed them, Use returns an error and changes nothing.
package tcsdk
