import Crypto
import Foundation
import Spec

extension RevisionContent {
    /// What tells the revisions of a campaign apart: `sha256:` and the hash of the canonical text.
    public var digest: String {
        let hash = SHA256.hash(data: Data(json.canonicalText.utf8))
        return "sha256:" + hash.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
