package import Settings
package import Spec
package import Store

/// Uploads the files that WhatsApp's reviewers see in place of those that campaigns send.
package protocol SampleHandles: Sendable {
    /// Uploads a file right before its template is submitted; a handle does not live long.
    ///
    /// - Parameters:
    ///   - sample: The file.
    ///   - claim: The wish that needs it, with its account.
    ///   - token: The token of the account.
    /// - Returns: The handle.
    /// - Throws: ``SampleError``, or a ``GraphError`` of the upload.
    func handle(for sample: TemplateSubmission.Sample, of claim: SubmissionClaim, token: AccessToken) async throws
        -> String
}

/// The reason why a file cannot be uploaded, for people; a later try brings the same.
package struct SampleError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
