import Crypto
import Foundation
import JSON
import Spec

extension RevisionContent {
    /// What tells the revisions of a campaign apart: `sha256:` and the hash of the canonical text.
    public var digest: String {
        "sha256:" + SHA256.hash(data: Data(json.canonicalText.utf8)).hexText
    }
}
