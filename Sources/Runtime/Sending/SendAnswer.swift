/// What came back from one request to WhatsApp.
package enum SendAnswer: Hashable, Sendable {
    /// Accepted, which is not yet delivered.
    case accepted(waMessageID: String)
    /// Refused with an error of the API, or an HTTP status without one (`code` nil).
    case refused(httpStatus: Int, code: Int?, message: String, retryAfter: Duration?)
    /// No request was written: the connection could not be made.
    case notWritten(String)
    /// The request may have been written, and no usable answer came.
    case lost(String)
}
