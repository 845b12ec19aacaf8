// Package tc3 signs requests to Tencent Cloud API 3.0, as the base of another
// transport. It needs the standard library only.
//
//	client := &http.Client{Transport: tcretry.New(&tc3.Transport{})}
//
// That is a complete client: [Transport] takes its credentials from the
// environment or the profile file, tcretry repeats what may be repeated, and
// every attempt has a signature of its own. The API refuses a timestamp that is
// more than five minutes off, so a retry of old bytes has an end; signed below,
// it has none.
//
// # Layers
//
//	http.Client → tcretry.Transport → tc3.Transport → otelhttp, … → http.Transport
//
// A caller sets X-TC-Action, X-TC-Version, X-TC-Region if the action wants one,
// and Content-Type. It leaves out X-TC-Timestamp: tcretry takes one that it sees
// for a signature made above, and stops repeating when that grows old.
//
// # Credentials
//
// A [Source] gives [Credentials]: [Static], [Env], [Profile], a [Chain] of them,
// or any [SourceFunc]. [Refreshing] keeps those of a slow source and replaces
// them before they expire, with one refresh for however many callers. Secrets
// appear in nothing that is printed.
//
// # Signing
//
// The signature covers Content-Type, Host and X-TC-Action, as the API's current
// documentation has it, and the body. A body with GetBody, which http.NewRequest
// sets for the usual readers, is hashed as a stream; one without is held in
// memory, up to the API's 10 MB. With the header X-TC-Content-SHA256 set to
// [UnsignedPayload] it is neither read nor signed, as in the official SDK.
// [Sign] is the computation alone.
//
// # What is mended
//
// Two answers say that the signature was at fault, which implies that nothing was
// executed. The call is signed and sent again then, once for each:
//
//   - AuthFailure.SignatureExpire: the answer tells the API's time, by its Date
//     header or else in its message. If that differs by more than three minutes,
//     the difference is kept for all later calls of the Transport. A clock that is
//     wrong by up to a day costs one attempt more, in all.
//   - AuthFailure.TokenFailure: the source is asked for other credentials.
//
// To see them, Transport reads answers of at most 4 KiB that are not streams, and
// puts back every byte. An answer that cannot be mended is returned as it came.
//
// # No v1
//
// There is no signer for HmacSHA1 and HmacSHA256 (v1). It has no use that TC3
// lacks: every action takes TC3, the official SDKs use it by default, and v1
// takes neither JSON, multipart nor bodies over 1 MB. And it is no work for a
// transport: v1 puts its parameters into the query or the form, so the body of
// each attempt would be parsed and written anew.
package tc3
