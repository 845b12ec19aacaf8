// Package tc3 signs requests to Tencent Cloud API 3.0: its [Transport] is the underlying
// RoundTripper of another transport. It imports the standard library only.
//
//	client := &http.Client{Transport: tcretry.New(&tc3.Transport{})}
//
// That is a complete client: [Transport] takes its credentials from the environment or
// the profile file, tcretry retries what may be retried, and every attempt gets a new
// signature. The API rejects a timestamp that is more than five minutes from its own
// clock. A request that was signed outside of tcretry can therefore be retried for that
// long only; one that is signed inside has no such limit.
//
// # Layers
//
//	http.Client → tcretry.Transport → tc3.Transport → otelhttp, … → http.Transport
//
// The caller sets X-TC-Action, X-TC-Version, X-TC-Region if the action needs one, and
// Content-Type, but not X-TC-Timestamp: to tcretry that header belongs to a signature
// made outside, after whose expiry it does not retry.
//
// # Credentials
//
// A [Source] returns [Credentials]: [Static], [Env], [Profile], a [Chain] of them, or any
// [SourceFunc]. [Refreshing] caches those of a slow source and replaces them before they
// expire, by one refresh for any number of callers. Credentials print without their
// secrets.
//
// # Signing
//
// The signature covers Content-Type, Host and X-TC-Action, as in the API's current
// documentation, and the body. A body with GetBody, which http.NewRequest sets for the
// usual readers, is hashed as a stream; one without is buffered in memory, up to the
// API's 10 MB. With the header X-TC-Content-SHA256 set to [UnsignedPayload] the body is
// neither read nor signed, as in the official SDK. [Sign] is the computation alone.
//
// # Corrected errors
//
// Two error codes mean that the signature was not valid, and therefore that nothing was
// executed. The request is then signed and sent again, at most once for each code:
//
//   - AuthFailure.SignatureExpire: the response has the API's time, in its Date header
//     or else in its message. If that differs by more than three minutes, the difference
//     is used for all later calls of the Transport. A local clock that is wrong by up to
//     a day costs one additional attempt in total.
//   - AuthFailure.TokenFailure: the source is called for other credentials.
//
// To detect these codes, Transport reads responses of at most 4 KiB that are not
// streams, and puts back every byte. All other responses, and those that cannot be
// corrected, are returned unchanged.
//
// # No v1
//
// There is no signer for HmacSHA1 and HmacSHA256 (v1). Every action accepts TC3, the
// official SDKs use it by default, and v1 supports neither JSON, multipart nor bodies
// over 1 MB. Nor can a transport sign with v1 cheaply: its parameters are in the query or
// the form, so the body of each attempt would have to be parsed and encoded again.
package tc3
